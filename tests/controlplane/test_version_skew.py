"""What an older operator has begun, a newer one brings to its end."""

from pathlib import Path

import pytest

from tests.controlplane import recordings
from tests.controlplane.api import Object
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import IMAGES, Team, eventually, wait_for_quiet

# The pods have a role of their own: that of a generated Secret would be another one's, made anew.
SOURCE = {
    "database-url": "postgresql://pods:second-password@db.example:5432/cms",
    "migration-database-url": "postgresql://owner:first-password@db.example:5432/cms",
    "redis-url": "redis://:redis-password@redis.example:6379/0",
}
STEPS: list[Object] = [{"setWeight": 50}, {"pause": {}}]
N = 2


def begin(team: Team) -> None:
    """A canary that waits for a person."""
    rollout = {"strategy": "Canary", "canary": {"steps": STEPS}}
    tenants = [{"name": "acme", "ownerEmail": "owner@acme.example"}]
    team.make(replicas=N, rollout=rollout, tenants=tenants)
    team.wait_until_ready()
    team.make(replicas=N, rollout=rollout, tenants=tenants, image=f"{IMAGES}:2.0.0")
    eventually(lambda: team.phase() == "Paused", "half of it is released")


def record(team: Team, operator: OperatorProcess) -> list[Object]:
    begin(team)
    wait_for_quiet(team.audit)
    operator.stop()
    made = recordings.save(team)
    recordings.write(recordings.NEW, made)
    team.delete("headlesscms", "shop")
    team.wait_until_gone()
    return made


@pytest.mark.parametrize("source", [None, *recordings.FOLDER.glob("*.yaml")], ids=str)
def test_a_release_that_another_version_has_begun_is_brought_to_its_end(
    team: Team, operator: OperatorProcess, source: Path | None
) -> None:
    team.write_secret("source", SOURCE)
    recording = recordings.read(source) if source else record(team, operator)
    operator.stop()
    try:
        recordings.load(team, recording)
        eventually(lambda: serving(team) == N, "its pods are there")
        pods, keys, asked = team.pods(), team.read_secret("shop-jwt"), generations(team)
    finally:
        operator.start()
    wait_for_quiet(team.audit)
    assert team.phase() == "Paused"
    assert generations(team) == asked
    assert (team.pods(), team.read_secret("shop-jwt")) == (pods, keys)
    candidate = team.status()["rollout"]["revision"]
    team.annotate("promote", candidate)
    eventually(lambda: team.names("deployment") == {f"shop-{candidate}"}, "the old one is gone")
    team.wait_until_ready()
    assert team.revision() == candidate
    assert pods & team.pods(), "the pods of the candidate stay"
    assert team.read_secret("shop-jwt") == keys


def generations(team: Team) -> dict[str, int]:
    """They change with what is asked, not with labels and annotations."""
    return {
        found["metadata"]["name"]: found["metadata"]["generation"]
        for kind in ("deployment", "job", "poddisruptionbudget", "networkpolicy")
        for found in team.all(kind)
    }


def serving(team: Team) -> int:
    return sum(found["status"].get("readyReplicas", 0) for found in team.all("deployment"))
