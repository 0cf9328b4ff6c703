"""An object with a child's name that belongs to somebody else is never touched."""

import pytest

from tests.controlplane.api import Object
from tests.controlplane.team import LONG_PATIENCE, SOURCE, Team, always, eventually

OURS = {
    "app.kubernetes.io/name": "headlesscms",
    "app.kubernetes.io/instance": "shop",
    "app.kubernetes.io/managed-by": "headlesscms-operator",
}
POD: Object = {
    "metadata": {"labels": {"app": "theirs"}},
    "spec": {"containers": [{"name": "main", "image": "theirs.example/app:1"}]},
}


def theirs(kind: str, labels: dict[str, str]) -> Object:
    """A stranger's object with the name that our child would have."""
    kinds: dict[str, Object] = {
        "configmap": {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}},
        "secret": {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}},
        "service": {
            "apiVersion": "v1",
            "kind": "Service",
            "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 81}]},
        },
        "networkpolicy": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
        },
        "serviceaccount": {"apiVersion": "v1", "kind": "ServiceAccount"},
        "deployment": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "spec": {"selector": {"matchLabels": {"app": "theirs"}}, "template": POD},
        },
        "job": {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "spec": {"template": {"spec": POD["spec"] | {"restartPolicy": "Never"}}},
        },
        "controllerrevision": {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "revision": 1,
            "data": {"a": "b"},
        },
        "poddisruptionbudget": {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "spec": {"selector": {"matchLabels": {"app": "theirs"}}},
        },
        "horizontalpodautoscaler": {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
                "maxReplicas": 1,
            },
        },
        "ingress": {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}},
        },
    }
    name = {"secret": "shop-jwt"}.get(kind, "shop")
    return kinds[kind] | {"metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("service", {}),
        ("service", OURS),
        ("secret", {}),
        ("secret", OURS),
        ("networkpolicy", {}),
        ("serviceaccount", {}),
        ("horizontalpodautoscaler", {}),
        ("ingress", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "with our labels" if value else "bare",
)
def test_a_taken_name_is_told_and_left_alone_until_it_is_free(
    team: Team, kind: str, labels: dict[str, str]
) -> None:
    stranger = theirs(kind, labels)
    name = stranger["metadata"]["name"]
    team.apply(stranger)
    before = team.the(kind, name)
    route = {"host": "cms.example.com", "ingress": {"className": "nginx"}}
    team.make(replicas=1, autoscaling={"minReplicas": 1}, route=route)
    message = team.wait_for("ChildrenOwned", "False", "NameTaken")
    assert name in message
    assert team.condition("Ready")[:2] == ("False", "NameTaken")
    team.wait_for_event("NameTaken")
    assert content(team.the(kind, name)) == content(before)

    team.delete(kind, name)
    team.wait_until_ready()
    assert team.condition("ChildrenOwned")[0] == "True"


def content(found: Object) -> Object:
    """The object without what other controllers report."""
    metadata = {key: found["metadata"].get(key) for key in ("uid", "labels", "ownerReferences")}
    return {"metadata": metadata} | {key: found.get(key) for key in ("spec", "data")}


@pytest.mark.parametrize(
    "kind", ["deployment", "configmap", "controllerrevision", "poddisruptionbudget", "job"]
)
def test_a_taken_name_of_a_revision_is_left_alone_too(team: Team, kind: str) -> None:
    """The name is known from an earlier life of the same HeadlessCMS."""
    url = "postgresql://{}:word@db.example:5432/cms"
    roles = {"database-url": url.format("pods"), "migration-database-url": url.format("owner")}
    team.write_secret("source", SOURCE | roles)
    team.make(replicas=1)
    team.wait_until_ready()
    (name,) = (name for name in team.names(kind) if name.startswith("shop-"))
    team.delete("headlesscms", "shop")
    eventually(lambda: team.get(kind, name) is None, "it goes with its owner", LONG_PATIENCE)
    stranger = theirs(kind, {})
    stranger["metadata"]["name"] = name
    team.apply(stranger)
    before = content(team.the(kind, name))
    team.make(replicas=1)
    team.wait_for("ChildrenOwned", "False", "NameTaken")
    assert content(team.the(kind, name)) == before
    team.delete(kind, name)
    team.wait_until_ready()


@pytest.mark.parametrize("name", ["shop", "default"])
def test_pods_may_run_under_an_account_that_has_the_headlesscms_own_name(
    team: Team, name: str
) -> None:
    """One with a cloud identity, say, or the one that each namespace has."""
    if name == "shop":
        team.apply(theirs("serviceaccount", {}))
    eventually(lambda: team.get("serviceaccount", name), "the account")
    before = content(team.the("serviceaccount", name))
    team.make(name, replicas=1)
    message = team.wait_for("ChildrenOwned", "False", "NameTaken", name=name)
    assert "spec.pod.serviceAccountName" in message
    team.make(name, replicas=1, pod={"serviceAccountName": name})
    team.wait_until_ready(name)
    assert content(team.the("serviceaccount", name)) == before


def test_a_source_with_the_name_of_a_generated_secret_is_not_to_be_deleted(team: Team) -> None:
    team.write_secret("shop-database", SOURCE)
    team.make(replicas=1, secretName="shop-database")
    message = team.wait_for("ChildrenOwned", "False", "NameTaken")
    assert message == (
        "Secret shop-database, which the spec names, has the name of one that the operator makes. "
        "Give yours another name."
    )
    team.make(replicas=1)
    team.delete("secret", "shop-database")
    team.wait_until_ready()


BLUE_GREEN = {"strategy": "BlueGreen"}
PREVIEW = "shop-preview"  # of shop, and the name of a HeadlessCMS


def owner_of(team: Team, service: str) -> str:
    return str(team.the("service", service)["metadata"]["ownerReferences"][0]["name"])


def test_a_preview_never_takes_the_service_of_another_headlesscms(team: Team) -> None:
    team.make(PREVIEW, replicas=1)
    team.wait_until_ready(PREVIEW)
    team.make(replicas=1, rollout=BLUE_GREEN)
    assert f"Service {PREVIEW}" in team.wait_for("ChildrenOwned", "False", "NameTaken")
    for name in ("shop", PREVIEW):
        team.wait_for("Available", "True", name=name)
        assert owner_of(team, name) == name
    assert team.condition("Ready", PREVIEW)[0] == "True"
    team.make(replicas=1)
    team.wait_until_ready()


def test_a_headlesscms_never_takes_the_preview_of_another(team: Team) -> None:
    team.make(replicas=1, rollout=BLUE_GREEN)
    team.wait_until_ready()
    eventually(lambda: team.get("service", PREVIEW), "the preview")
    pods = team.pods()
    team.make(PREVIEW, replicas=1)
    team.wait_for("ChildrenOwned", "False", "NameTaken", name=PREVIEW)
    assert owner_of(team, PREVIEW) == "shop"
    assert team.condition("Ready")[0] == "True"
    assert team.pods() == pods
    team.make(replicas=1)
    team.wait_until_ready(PREVIEW)
    assert owner_of(team, PREVIEW) == PREVIEW
    team.wait_until_ready()


def test_an_object_that_somebody_took_from_us_is_not_taken_back(team: Team) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    team.patch("service", "shop", {"metadata": {"ownerReferences": None}})
    team.wait_for("ChildrenOwned", "False", "NameTaken")
    team.patch("service", "shop", {"spec": {"type": "ClusterIP"}})
    always(
        lambda: team.the("service", "shop")["spec"]["type"] == "ClusterIP",
        "the Service is theirs now",
        seconds=2,
    )
