"""Credentials change without a restart; what was generated once is never made anew by accident."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.audit import Place
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import SOURCE, Team, always, eventually

SERVER = Path(__file__).with_name("statusz.py")
ROTATE = "headlesscms.io/rotate-jwt-key"
DATABASE = "postgresql://owner:{}@{}:5432/cms"


@pytest.fixture
def reported(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Path]:
    """The generation of keys that every pod says it has."""
    generation = tmp_path / "generation"
    generation.write_text("1")
    control_plane.spawn("statusz", [sys.executable, str(SERVER), str(generation)])
    yield generation
    control_plane.stop_process("statusz")


def ring(team: Team) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(team.read_secret("shop-jwt")["keys.json"])
    return found


def phase(team: Team) -> str:
    return str(team.status()["jwtKeys"]["phase"])


def test_a_changed_password_makes_no_revision_and_no_pod(team: Team) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    pods, revision, place = team.pods(), team.revision(), team.audit.now()
    team.write_secret(
        "source",
        {
            "database-url": DATABASE.format("another-password", "db.example"),
            "redis-url": "redis://:another-word@redis.example:6379/0",
        },
    )
    eventually(lambda: has_read(team, place), "the operator has seen it")
    always(lambda: team.pods() == pods, "no pod is replaced", seconds=2)
    assert team.revision() == revision
    assert len(team.names("controllerrevision")) == 1


def has_read(team: Team, place: Place) -> bool:
    """The next spec is acted on after what came before it."""
    if team.status().get("observedGeneration") == 1:
        team.patch("headlesscms", "shop", {"spec": {"service": {"port": 8080}}})
    asked = team.audit.since(place)
    return any(
        request.resource == "/services" and request.namespace == team.namespace for request in asked
    )


def test_a_changed_host_is_a_new_revision(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    revision = team.revision()
    moved = SOURCE | {"database-url": DATABASE.format("first-password", "new-db.example")}
    team.write_secret("source", moved)
    eventually(lambda: team.revision() != revision, "a new revision")
    team.wait_until_ready()
    config = team.the("configmap", f"shop-{team.revision()}")["data"]
    assert "new-db.example" in config["DATABASE_URL"]
    assert "first-password" not in str(config)


def test_generated_keys_survive_the_operator(team: Team, operator: OperatorProcess) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    keys, role = team.read_secret("shop-jwt"), team.read_secret("shop-database")
    operator.kill()
    operator.start()
    team.make(replicas=2)
    team.wait_until_ready()
    assert (team.read_secret("shop-jwt"), team.read_secret("shop-database")) == (keys, role)


def test_keys_that_lost_their_labels_are_found_and_not_made_anew(
    team: Team, operator: OperatorProcess
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    keys = team.read_secret("shop-jwt")
    operator.stop()
    labels = dict.fromkeys(team.the("secret", "shop-jwt")["metadata"]["labels"])
    team.patch("secret", "shop-jwt", {"metadata": {"labels": labels}})
    operator.start()
    eventually(lambda: team.the("secret", "shop-jwt")["metadata"].get("labels"), "labels again")
    team.wait_until_ready()
    assert team.read_secret("shop-jwt") == keys


def test_keys_that_somebody_spoilt_are_told_and_not_overwritten(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    keys = team.read_secret("shop-jwt")
    spoilt = base64.b64encode(b"{").decode()
    team.patch("secret", "shop-jwt", {"data": {"keys.json": spoilt}})
    message = team.wait_for("Ready", "False", "SecretValueInvalid")
    assert "shop-jwt" in message
    good = base64.b64encode(keys["keys.json"].encode()).decode()
    team.patch("secret", "shop-jwt", {"data": {"keys.json": good}})
    team.wait_until_ready()
    assert team.read_secret("shop-jwt") == keys


def test_a_rotation_on_request_waits_for_every_pod_at_each_step(team: Team, reported: Path) -> None:
    team.make(replicas=2)
    team.wait_until_ready()
    before, pods = ring(team), team.pods()
    assert (list(before["keys"]), phase(team)) == (["k1"], "Stable")

    request = {"metadata": {"annotations": {ROTATE: "2026-11-23"}}}
    team.patch("headlesscms", "shop", request)
    eventually(lambda: phase(team) == "Verifying", "a new key to verify with")
    assert team.condition("KeysCurrent")[:2] == ("False", "RotatingKeys")
    assert team.condition("Ready")[0] == "True"
    grown = ring(team)
    assert grown["keys"].keys() == {"k1", "k2"}
    assert (grown["sign"], grown["generation"]) == ("k1", 2)
    always(lambda: phase(team) == "Verifying", "a pod has the old generation", seconds=6)

    reported.write_text("2")
    eventually(lambda: phase(team) == "Signing", "the new key signs")
    assert (ring(team)["sign"], ring(team)["generation"]) == ("k2", 3)
    reported.write_text("3")
    eventually(lambda: phase(team) == "Retiring", "the old key waits for its last token")
    assert ring(team)["keys"].keys() == {"k1", "k2"}
    assert ring(team)["keys"]["k1"] == before["keys"]["k1"]
    assert team.pods() == pods
    assert team.status()["jwtKeys"]["handledRequest"] == "2026-11-23"

    long_ago = {"status": {"jwtKeys": {"since": "2026-01-01T00:00:00Z"}}}
    team.patch("headlesscms", "shop", long_ago, subresource="status")
    eventually(lambda: phase(team) == "Stable", "the last token of the old key has run out")
    after = ring(team)
    assert (after["keys"], after["sign"]) == ({"k2": grown["keys"]["k2"]}, "k2")
    assert after["generation"] == 4
    eventually(lambda: team.condition("KeysCurrent")[0] == "True", "the rotation is over")
    assert team.pods() == pods


def test_a_rotation_goes_on_where_a_killed_operator_left_it(
    team: Team, operator: OperatorProcess, reported: Path
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    team.patch("headlesscms", "shop", {"metadata": {"annotations": {ROTATE: "now"}}})
    eventually(lambda: phase(team) == "Verifying", "a new key to verify with")
    keys = ring(team)["keys"]
    operator.kill()
    reported.write_text("9")
    operator.start()
    eventually(lambda: phase(team) == "Retiring", "it goes on to the end")
    assert ring(team)["keys"] == keys


def test_a_key_that_the_user_changes_is_rotated_the_same_way(team: Team, reported: Path) -> None:
    old, new = "o" * 32, "n" * 32
    team.write_secret("source", SOURCE | {"jwt-secret": old})
    team.make(replicas=1)
    team.wait_until_ready()
    assert base64.b64decode(ring(team)["keys"]["k1"]).decode() == old
    team.write_secret("source", SOURCE | {"jwt-secret": new})
    eventually(lambda: phase(team) == "Verifying", "their key to verify with")
    grown = ring(team)
    assert base64.b64decode(grown["keys"]["k2"]).decode() == new
    assert grown["sign"] == "k1"
    reported.write_text("9")
    eventually(lambda: phase(team) == "Retiring", "their key signs")
    assert ring(team)["sign"] == "k2"
