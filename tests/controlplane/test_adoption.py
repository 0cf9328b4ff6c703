"""What a restore or an orphaning deletion has left is taken over when its owner says so."""

import json
from typing import Any

from localcluster.errors import ClusterError
from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, Team, always, eventually

TENANTS = [{"name": "acme", "ownerEmail": "owner@acme.example"}]
SPEC: dict[str, Any] = {"replicas": 2, "tenants": TENANTS}
GENERATED = ("shop-jwt", "shop-database", "shop-admin")
# Secrets come first, and the HeadlessCMS somewhere in the middle.
BACKED_UP = ("secret", "configmap", "controllerrevision", "deployment", "service",
             "serviceaccount", "networkpolicy", "poddisruptionbudget")  # fmt: skip


def values(team: Team) -> dict[str, dict[str, str]]:
    return {name: team.read_secret(name) for name in GENERATED}


def orphan(team: Team) -> None:
    team.kubectl("delete", "hcms", "shop", "--cascade=orphan")
    eventually(lambda: team.get("headlesscms", "shop") is None, "it is gone")


def is_adopted(team: Team) -> bool:
    return "finishedAt" in team.status().get("adoption", {})


def owners_of(team: Team, kind: str) -> set[str]:
    return {
        owner["uid"]
        for child in team.all(kind)
        for owner in child["metadata"].get("ownerReferences", [])
    }


def test_one_that_was_orphaned_and_made_again_takes_over_what_serves(team: Team) -> None:
    team.make(**SPEC)
    team.wait_until_ready()
    pods, secrets, revision = team.pods(), values(team), team.revision()
    address = team.the("service", "shop")["spec"]["clusterIP"]
    ready: list[int] = []

    def see(_: str, found: Object) -> None:
        ready.append(found.get("status", {}).get("readyReplicas", 0))

    with team.watch("deployment", see):
        orphan(team)
        team.make(**SPEC)
        message = team.wait_for("ChildrenOwned", "False", "NameTaken")
        assert "headlesscms.io/adopt" in message
        team.annotate("adopt", "after the mishap")
        team.wait_until_ready()
        eventually(lambda: is_adopted(team), "all is its own")
    assert set(ready) <= {2}
    assert (team.pods(), values(team), team.revision()) == (pods, secrets, revision)
    assert team.the("service", "shop")["spec"]["clusterIP"] == address
    assert team.owners() == {team.the("headlesscms", "shop")["metadata"]["uid"]}
    told = team.status()["adoption"]
    assert told["request"] == "after the mishap"
    assert {f"Secret/{name}" for name in GENERATED} | {"Service/shop"} <= set(told["objects"])
    team.wait_for_event("Adopted")

    team.make(**SPEC, image=f"{IMAGES}:2.0.0")
    eventually(lambda: team.status()["version"] == "2.0.0", "the next release")
    team.wait_until_ready()
    assert not team.pods() & pods, "no pod of the first life is left over"
    team.delete("headlesscms", "shop")
    eventually(lambda: not team.left_over(), "nothing of either life is left")


def test_a_namespace_that_was_restored_from_a_backup_keeps_its_secrets(team: Team) -> None:
    """Velero brings children without owners and status, the HeadlessCMS among them."""
    team.make(**SPEC)
    team.wait_until_ready()
    secrets, revision = values(team), team.revision()
    backup = [found for kind in BACKED_UP for found in saved(team, kind)]
    team.delete("headlesscms", "shop")
    eventually(lambda: not team.left_over(), "the namespace is lost")

    for found in backup[: len(backup) // 2]:
        restore(team, found)
    team.make(**SPEC)
    team.annotate("adopt", "restored")
    for found in backup[len(backup) // 2 :]:
        restore(team, found)
    team.wait_until_ready()
    eventually(lambda: is_adopted(team), "all is its own")
    assert (values(team), team.revision()) == (secrets, revision)
    assert team.owners() == {team.the("headlesscms", "shop")["metadata"]["uid"]}


def saved(team: Team, kind: str) -> list[Object]:
    text = team.kubectl("get", kind, "-l", "app.kubernetes.io/instance=shop", "-o", "json")
    return [_without_life(found) for found in json.loads(text)["items"]]


def _without_life(found: Object) -> Object:
    kept = ("name", "labels", "annotations")
    metadata = {key: found["metadata"][key] for key in kept if key in found["metadata"]}
    alive = {key: value for key, value in found.items() if key != "status"}
    if found["kind"] == "Service":
        ports = [{**port, "nodePort": 0} for port in found["spec"]["ports"]]
        addresses = ("clusterIP", "clusterIPs")
        spec = {key: value for key, value in found["spec"].items() if key not in addresses}
        alive["spec"] = {**spec, "ports": ports}
    return {**alive, "metadata": metadata}


def restore(team: Team, found: Object) -> None:
    """What is there already stays, as in any restore."""
    try:
        team.kubectl("create", "-f", "-", stdin=json.dumps(found))
    except ClusterError as error:
        if "AlreadyExists" not in str(error):
            raise


def test_what_is_not_asked_for_or_of_others_stays_as_it_is(team: Team) -> None:
    team.make(**SPEC)
    team.wait_until_ready()
    service = team.the("service", "shop")["metadata"]
    team.annotate("adopt", "first")
    eventually(lambda: is_adopted(team), "there was nothing")
    assert team.status()["adoption"]["objects"] == []

    team.patch("service", "shop", {"metadata": {"ownerReferences": None}})
    team.wait_for("ChildrenOwned", "False", "NameTaken")
    always(lambda: not owners_of(team, "service"), "it was asked for once", seconds=1)
    unlabelled = {"app.kubernetes.io/managed-by": "somebody"}
    team.patch("service", "shop", {"metadata": {"labels": unlabelled}})
    team.annotate("adopt", "second")
    eventually(lambda: team.status()["adoption"]["request"] == "second", "it is taken up")
    always(lambda: not owners_of(team, "service"), "it says that it is another's", seconds=1)
    team.patch("service", "shop", {"metadata": {"labels": service["labels"]}})
    team.wait_until_ready()
    eventually(lambda: is_adopted(team), "all is its own")
    assert team.status()["adoption"]["objects"] == ["Service/shop"]
