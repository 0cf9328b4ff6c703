"""A CRD of another version than the operator: fields that it knows are missing, others are new."""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from cms_operator.cluster.kinds import HEADLESS_CMS
from tests.controlplane.api import Object
from tests.controlplane.faults import Proxied
from tests.controlplane.team import IMAGES, Team, eventually
from tests.controlplane.unharmed import unharmed
from tests.support.charts import REPOSITORY

NAME = f"{HEADLESS_CMS.plural}.{HEADLESS_CMS.group}"
OURS: Object = yaml.safe_load(
    (REPOSITORY / "crds" / f"{HEADLESS_CMS.group}_{HEADLESS_CMS.plural}.yaml").read_text()
)
NEW_FIELD = {"type": "string"}


def fields(crd: Object, part: str) -> Object:
    (version,) = crd["spec"]["versions"]
    found: Object = version["schema"]["openAPIV3Schema"]["properties"][part]["properties"]
    return found


def older() -> Object:
    """Without fields that have a default, and without some that the operator reports."""
    crd = copy.deepcopy(OURS)
    for name in ("logLevel", "trustedProxies", "podDisruptionBudget"):
        del fields(crd, "spec")[name]
    for name in ("revisions", "jwtKeys", "address", "version"):
        del fields(crd, "status")[name]
    return crd


def newer() -> Object:
    """With fields that the operator has never heard of, and a strategy."""
    crd = copy.deepcopy(OURS)
    for part in ("spec", "status"):
        fields(crd, part)["shadow"] = NEW_FIELD
    fields(crd, "spec")["rollout"]["properties"]["strategy"]["enum"].append("Shadow")
    return crd


@contextmanager
def served(team: Team, crd: Object) -> Iterator[None]:
    try:
        replace(team, crd)
        yield
    finally:
        replace(team, OURS)


def replace(team: Team, crd: Object) -> None:
    """Until the server explains the fields as this CRD has them."""
    team.kubectl("replace", "-f", "-", stdin=json.dumps(crd))
    wanted = {part: set(fields(crd, part)) for part in ("spec", "status")}
    eventually(lambda: explained(team) == wanted, "the CRD is in force")


def explained(team: Team) -> dict[str, set[str]]:
    (schema,) = (
        found
        for name, found in team.api.request("GET", f"/openapi/v3/apis/{HEADLESS_CMS.api_version}")[
            "components"
        ]["schemas"].items()
        if name.endswith(f".{HEADLESS_CMS.name}")
    )
    return {part: set(schema["properties"][part]["properties"]) for part in ("spec", "status")}


def begin(team: Team) -> set[str]:
    team.make(replicas=1)
    team.wait_until_ready()
    return team.pods()


def test_with_an_older_crd_all_goes_on_and_nothing_is_written_again_and_again(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    pods, keys = begin(team), team.read_secret("shop-jwt")
    with unharmed(proxied, team), served(team, older()), unharmed(proxied, team):
        team.make(replicas=2)
        team.delete("service", "shop")
        eventually(lambda: len(team.pods()) == 2, "it grows")
        for number in range(3):
            note = {"metadata": {"annotations": {"example.com/note": str(number)}}}
            eventually(lambda: team.names("service") == {"shop"}, "drift is put right")
            team.patch("service", "shop", note)
        team.wait_until_ready()
    assert pods < team.pods()
    assert team.read_secret("shop-jwt") == keys
    assert team.status()["version"] == "1.0.0"


def test_what_a_newer_crd_has_is_left_alone_until_it_cannot_be_read(
    proxied_team: Team, proxied: Proxied
) -> None:
    team = proxied_team
    pods = begin(team)
    with unharmed(proxied, team), served(team, newer()):
        team.make(replicas=2, shadow="everything")
        eventually(lambda: len(team.pods()) == 2, "it grows")
        team.make(replicas=2, rollout={"strategy": "Shadow"}, image=f"{IMAGES}:2.0.0")
        message = team.wait_for("Ready", "False", "InvalidSpec")
        assert "strategy" in message
        assert pods < team.pods()
        assert len(team.pods()) == 2
        team.make(replicas=2)
        team.wait_until_ready()
    assert pods < team.pods()
