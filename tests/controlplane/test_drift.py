"""What somebody else does to a child is put right; what nobody asks for any more goes."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.controlplane.api import RefusedError
from tests.controlplane.team import PATIENCE, Team, eventually

Change = dict[str, Any]
OTHER = {"name": "api", "image": "registry.example/other:1"}
ROUTE = {"host": "cms.example.com", "ingress": {"className": "nginx"}}
UNLABELLED = {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}}

# What somebody changes, by the kind and the end of the name of the child.
CHANGES: list[tuple[str, Callable[[str], str], Change]] = [
    ("deployment", lambda revision: f"shop-{revision}", {"spec": {"replicas": 7}}),
    (
        "deployment",
        lambda revision: f"shop-{revision}",
        {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}},
    ),
    (
        "deployment",
        lambda revision: f"shop-{revision}",
        {"spec": {"template": {"spec": {"containers": [OTHER]}}}},
    ),
    ("service", lambda _: "shop", {"spec": {"selector": {"app.kubernetes.io/name": "other"}}}),
    ("service", lambda _: "shop", {"spec": {"selector": {"one-more": "label"}}}),
    ("service", lambda _: "shop", {"spec": {"type": "NodePort"}}),
    ("service", lambda _: "shop", {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}),
    ("service", lambda _: "shop", UNLABELLED),
    ("poddisruptionbudget", lambda revision: f"shop-{revision}", {"spec": {"maxUnavailable": 3}}),
    (
        "poddisruptionbudget",
        lambda revision: f"shop-{revision}",
        {"spec": {"selector": {"matchLabels": {"one-more": "label"}}}},
    ),
    ("horizontalpodautoscaler", lambda _: "shop", {"spec": {"maxReplicas": 99}}),
    ("horizontalpodautoscaler", lambda _: "shop", {"spec": {"behavior": None}}),
    (
        "horizontalpodautoscaler",
        lambda _: "shop",
        {
            "spec": {
                "behavior": {
                    "scaleDown": {
                        "policies": [
                            {"type": "Percent", "value": 50, "periodSeconds": 60},
                            {"type": "Pods", "value": 100, "periodSeconds": 1},
                        ]
                    }
                }
            }
        },
    ),
    ("networkpolicy", lambda _: "shop", {"spec": {"policyTypes": ["Egress"]}}),
    ("networkpolicy", lambda _: "shop", {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}),
    ("networkpolicy", lambda _: "shop", {"spec": {"ingress": [{}]}}),
    ("configmap", lambda revision: f"shop-{revision}", UNLABELLED),
    ("controllerrevision", lambda revision: f"shop-{revision}", UNLABELLED),
    ("serviceaccount", lambda _: "shop", {"automountServiceAccountToken": True}),
    ("ingress", lambda _: "shop", {"spec": {"ingressClassName": "other"}}),
    ("ingress", lambda _: "shop", {"spec": {"rules": [{"host": "other.example.com"}]}}),
]


def meaning(found: dict[str, Any]) -> dict[str, Any]:
    """An object without what the server and other controllers keep in it."""
    metadata = {
        key: value
        for key, value in found["metadata"].items()
        if key not in ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
    }
    annotations = metadata.get("annotations", {})
    annotations.pop("deployment.kubernetes.io/revision", None)
    return {key: value for key, value in found.items() if key != "status"} | {"metadata": metadata}


def test_every_change_of_a_child_is_put_right(team: Team) -> None:
    team.make(autoscaling={}, route=ROUTE)
    team.wait_until_ready()
    revision = team.revision()
    left = []
    for kind, name_of, change in CHANGES:
        name = name_of(revision)
        before = meaning(team.the(kind, name))
        team.patch(kind, name, change)
        if not comes_back(team, kind, name, before):
            left.append((kind, change))
    assert left == []
    team.wait_until_ready()
    assert team.revision() == revision


def comes_back(team: Team, kind: str, name: str, before: dict[str, Any]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if meaning(team.the(kind, name)) == before:
            return True
        time.sleep(0.1)
    return False


def test_every_deleted_child_comes_back(team: Team) -> None:
    team.make(replicas=1, autoscaling={"minReplicas": 1}, route=ROUTE)
    team.wait_until_ready()
    revision = team.revision()
    children = [
        ("deployment", f"shop-{revision}"),
        ("configmap", f"shop-{revision}"),
        ("controllerrevision", f"shop-{revision}"),
        ("poddisruptionbudget", f"shop-{revision}"),
        ("service", "shop"),
        ("serviceaccount", "shop"),
        ("networkpolicy", "shop"),
        ("horizontalpodautoscaler", "shop"),
        ("ingress", "shop"),
    ]
    for kind, name in children:
        uid = team.the(kind, name)["metadata"]["uid"]
        team.delete(kind, name)

        def is_back(kind: str = kind, name: str = name, uid: str = uid) -> bool:
            found = team.get(kind, name)
            return found is not None and found["metadata"]["uid"] != uid

        eventually(is_back, f"{kind} {name} is back")
    team.wait_until_ready()
    assert team.revision() == revision


def test_deleted_credentials_are_made_anew_and_no_pod_restarts(team: Team) -> None:
    team.make(replicas=1, tenants=[{"name": "acme", "ownerEmail": "owner@acme.example"}])
    team.wait_until_ready()
    pods, revision = team.pods(), team.revision()
    for name in ("shop-jwt", "shop-database", "shop-admin"):
        old = team.the("secret", name)
        team.delete("secret", name)

        def is_new(name: str = name, old: Change = old) -> bool:
            found = team.get("secret", name)
            return found is not None and found["data"] != old["data"]

        eventually(is_new, f"{name} is back")
    team.wait_until_ready()
    assert (team.pods(), team.revision()) == (pods, revision)


def test_what_others_add_to_a_child_stays(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    deployment = f"shop-{team.revision()}"
    theirs = {"annotations": {"example.com/owner": "team-a"}, "labels": {"cost-centre": "42"}}
    team.patch("service", "shop", {"metadata": theirs})
    team.patch("deployment", deployment, {"metadata": theirs})
    # Something to put right, so that the operator writes both.
    team.patch("service", "shop", {"spec": {"type": "ClusterIP"}})
    team.patch("deployment", deployment, {"spec": {"minReadySeconds": 1}})
    eventually(
        lambda: team.the("service", "shop")["spec"]["type"] == "LoadBalancer", "its own type"
    )
    eventually(
        lambda: not team.the("deployment", deployment)["spec"].get("minReadySeconds"), "no wait"
    )
    for kind, name in (("service", "shop"), ("deployment", deployment)):
        metadata = team.the(kind, name)["metadata"]
        assert metadata["annotations"]["example.com/owner"] == "team-a"
        assert metadata["labels"]["cost-centre"] == "42"


def test_children_that_the_spec_no_longer_asks_for_go(team: Team) -> None:
    team.make(
        replicas=1,
        autoscaling={"minReplicas": 1},
        route={"host": "cms.example.com", "ingress": {"className": "nginx"}},
        service={"annotations": {"example.com/balancer": "internal"}},
    )
    team.wait_until_ready()
    assert team.names("ingress") == {"shop"}
    assert team.the("service", "shop")["spec"]["type"] == "ClusterIP"
    pods = team.pods()

    team.make(
        replicas=1,
        podDisruptionBudget={"enabled": False},
        networkPolicy={"enabled": False},
    )
    unwanted = ("horizontalpodautoscaler", "poddisruptionbudget", "networkpolicy", "ingress")
    eventually(lambda: not any(team.names(kind) for kind in unwanted), "none of these is left")
    team.wait_until_ready()
    service = team.the("service", "shop")
    assert service["spec"]["type"] == "LoadBalancer"
    assert "example.com/balancer" not in service["metadata"]["annotations"]
    assert team.pods() == pods


def test_pods_may_run_under_an_account_of_the_users(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    metadata = {"name": "of-the-team"}
    team.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    team.make(replicas=1, pod={"serviceAccountName": "of-the-team"})
    team.wait_until_ready()
    pods = [pod for pod in team.all("pod") if pod["metadata"]["uid"] in team.pods()]
    assert {pod["spec"]["serviceAccountName"] for pod in pods} == {"of-the-team"}


def test_old_revisions_are_kept_up_to_the_limit(team: Team) -> None:
    for number in range(4):
        team.make(
            replicas=1,
            rollout={"revisionHistoryLimit": 1},
            pod={"labels": {"release": str(number)}},
        )
        team.wait_until_ready()
    eventually(lambda: len(team.names("controllerrevision")) == 2, "one beside the present one")
    stable = f"shop-{team.revision()}"
    eventually(lambda: team.names("deployment") == {stable}, "the old one goes")
    # They go in the same pass, one after the other.
    eventually(
        lambda: team.names("configmap") - {"kube-root-ca.crt"} == {stable}, "with what it had"
    )
    assert stable in team.names("controllerrevision")


def test_the_configuration_of_a_revision_cannot_be_changed_by_hand(team: Team) -> None:
    team.make()
    team.wait_until_ready()
    (name,) = team.names("configmap") - {"kube-root-ca.crt"}
    with pytest.raises(RefusedError, match="immutable"):
        team.patch("configmap", name, {"data": {"LOG_LEVEL": "debug"}})
