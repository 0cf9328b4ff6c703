"""The real autoscaler scales the HeadlessCMS; only what it is told of the load is made up."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcluster.controlplane import ControlPlane
from localcluster.pki import Authority, Identity
from tests.controlplane.api import APPLY, Api, Object
from tests.controlplane.gateway import ROUTE, FakeGateway, crd, install
from tests.controlplane.metrics_api import PORT
from tests.controlplane.team import IMAGES, Team, eventually
from tests.support.charts import REPOSITORY

AUTOSCALER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
# Four pods at the target of 70 % of 250 millicores.
LOAD = 4 * 175
SCALING = {
    "minReplicas": 2,
    "maxReplicas": 20,
    "targetMemoryUtilizationPercentage": 0,
}
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    (
        "/api/v1/namespaces/kube-system/services",
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics"},
            "spec": {"ports": [{"port": 443, "targetPort": PORT}]},
        },
    ),
    (
        "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "metrics", "labels": {"kubernetes.io/service-name": "metrics"}},
            "addressType": "IPv4",
            "ports": [{"port": PORT}],
        },
    ),
    (
        "/apis/apiregistration.k8s.io/v1/apiservices",
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": "metrics", "namespace": "kube-system"},
                "insecureSkipTLSVerify": True,
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
            },
        },
    ),
]


@pytest.fixture
def load(control_plane: ControlPlane, api: Api, tmp_path: Path) -> Iterator[Path]:
    """A file with the load in millicores, which all pods share."""
    file = tmp_path / "load"
    file.write_text(str(LOAD))
    name = "metrics.kube-system.svc"
    issued = Authority(tmp_path, "metrics-ca").issue("metrics", Identity(name, names=(name,)))
    control_plane.spawn(
        "metrics",
        [
            "env", f"PYTHONPATH={REPOSITORY}:{REPOSITORY / 'operator'}",
            sys.executable, "-m", "tests.controlplane.metrics_api",
            str(control_plane.kubeconfig), str(issued.certificate), str(issued.key), str(file),
        ],
    )  # fmt: skip
    address = {"endpoints": [{"addresses": [str(control_plane.block.namespace_end)]}]}
    for path, body in OBJECTS:
        name = body["metadata"]["name"]
        whole = body | address if body["kind"] == "EndpointSlice" else body
        api.request("PATCH", f"{path}/{name}?fieldManager=test&force=true", whole, APPLY)
    eventually(lambda: is_served(api), "the metrics API answers")
    yield file
    for path, body in reversed(OBJECTS):
        api.request("DELETE", f"{path}/{body['metadata']['name']}")
    control_plane.stop_process("metrics")


def is_served(api: Api) -> bool:
    service = api.request("GET", f"{OBJECTS[-1][0]}/v1beta1.metrics.k8s.io")
    return any(
        (condition["type"], condition["status"]) == ("Available", "True")
        for condition in service.get("status", {}).get("conditions", [])
    )


def test_the_load_alone_decides_how_many_pods_there_are(team: Team, load: Path) -> None:
    ready: list[str] = []
    wanted: list[int] = []

    def see(_: str, found: dict[str, Any]) -> None:
        conditions = found.get("status", {}).get("conditions", [])
        ready.extend(c["status"] for c in conditions if c["type"] == "Ready")
        wanted.append(found["spec"]["replicas"])

    team.make(replicas=4, autoscaling=SCALING)
    team.wait_until_ready()
    team.make(autoscaling=SCALING)  # from now on the number is the autoscaler's alone
    team.patch("headlesscms", "shop", {"spec": {"replicas": 4}})
    eventually(lambda: has_metrics(team), "the autoscaler knows the load", seconds=90)
    revisions = team.names("controllerrevision")

    with team.watch("headlesscms", see):
        wait_for_looks(team, 3)
        assert set(wanted) == {4}, "a constant load leaves the number as it is"

        load.write_text(str(2 * LOAD))
        eventually(lambda: len(team.pods()) == 8, "twice the load, twice the pods")
        team.wait_until_ready()
        assert max(wanted) == 8
        assert set(ready) == {"True"}
        assert team.names("controllerrevision") == revisions

        wanted.clear()
        team.patch("headlesscms", "shop", {"spec": {"image": f"{IMAGES}:slow-start"}})
        eventually(lambda: team.status()["version"] == "slow-start", "the new version")
        team.wait_until_ready()
        wait_for_looks(team, 2)
        assert set(wanted) == {8}, "a rollout is no load"


def test_handing_the_number_of_pods_to_the_autoscaler_ends_none(team: Team) -> None:
    """One commit takes replicas out of Git and sets minReplicas; nobody has measured a load yet."""
    team.make(replicas=5)
    team.wait_until_ready()
    asked: list[int] = []
    sizes: list[int] = []
    pods = team.pods()
    with (
        team.watch("headlesscms", lambda _, found: asked.append(found["spec"]["replicas"])),
        team.watch("deployment", lambda _, found: sizes.append(found["spec"]["replicas"])),
    ):
        team.make(autoscaling=SCALING | {"minReplicas": 5})
        eventually(lambda: 3 in asked and asked[-1] == 5, "it is the default, then its own")
        team.wait_until_ready()
    assert set(sizes) <= {5}
    assert team.pods() == pods


# Each waits in the middle of its trial for somebody to end it.
ROLLOUT = {
    "bakeSeconds": 3,
    "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]},
    "blueGreen": {"autoPromotionEnabled": False},
}
BAKES: Object = {"strategy": "RollingUpdate", "bakeSeconds": 600}


@pytest.mark.parametrize(
    ("rollout", "route", "waits"),
    [
        pytest.param(BAKES, None, "Baking", id="RollingUpdate"),
        pytest.param(ROLLOUT | {"strategy": "Canary"}, None, "Paused", id="Canary"),
        pytest.param(ROLLOUT | {"strategy": "Canary"}, ROUTE, "Paused", id="Canary by route"),
        pytest.param(ROLLOUT | {"strategy": "BlueGreen"}, None, "Paused", id="BlueGreen"),
    ],
)
def test_a_trial_is_no_load_and_a_load_is_followed_in_it(  # noqa: PLR0913, PLR0917 - where it waits
    control_plane: ControlPlane,
    team: Team,
    load: Path,
    rollout: Object,
    route: Object | None,
    waits: str,
) -> None:
    install(control_plane, crd())
    wanted: list[int] = []
    with FakeGateway(team):
        scaled(team, rollout=rollout, **({"route": route} if route else {}))
        with team.watch("headlesscms", lambda _, found: wanted.append(found["spec"]["replicas"])):
            team.patch("headlesscms", "shop", {"spec": {"image": f"{IMAGES}:2.0.0"}})
            eventually(lambda: team.phase() == waits, "it is tried")
            wait_for_looks(team, 3)
            assert set(wanted) == {4}, "a trial is no load"

            load.write_text(str(2 * LOAD))
            eventually(lambda: wanted[-1] == 8, "twice the load, twice the pods")
            wait_for_looks(team, 2)
            assert max(wanted) == 8

            team.annotate("promote", team.status()["rollout"]["revision"])
            team.patch("headlesscms", "shop", {"spec": {"rollout": {"bakeSeconds": 3}}})
            eventually(lambda: team.phase() == "Completed", "it is promoted")
            team.wait_until_ready()
            wait_for_looks(team, 2)
            assert wanted[-1] == 8, "the promoted one has the live number"
            assert max(wanted) == 8


def test_an_aborted_candidate_gets_no_pod_of_a_load_that_grows(team: Team, load: Path) -> None:
    scaled(team, rollout=ROLLOUT | {"strategy": "Canary"})
    old = team.revision()
    team.patch("headlesscms", "shop", {"spec": {"image": f"{IMAGES}:2.0.0"}})
    eventually(lambda: team.phase() == "Paused", "it is tried")
    team.annotate("abort", team.status()["rollout"]["revision"])
    team.wait_for("Stalled", "True", "RolledBack")
    eventually(lambda: team.sizes() == {old: 4}, "all pods are of the one before")
    seen: list[str] = []
    with team.watch("deployment", lambda _, found: seen.append(found["metadata"]["name"])):
        load.write_text(str(2 * LOAD))
        eventually(lambda: team.sizes() == {old: 8}, "twice the load, twice the pods")
        wait_for_looks(team, 2)
    assert set(seen) == {f"shop-{old}"}


def scaled(team: Team, **spec: Any) -> None:
    """A HeadlessCMS of four pods, whose number the autoscaler has taken over."""
    spec |= {"autoscaling": SCALING}
    team.make(replicas=4, **spec)
    team.wait_until_ready()
    team.make(**spec)
    team.patch("headlesscms", "shop", {"spec": {"replicas": 4}})
    eventually(lambda: has_metrics(team), "the autoscaler knows the load", seconds=90)


def has_metrics(team: Team) -> bool:
    scaler = team.the("horizontalpodautoscaler", "shop")
    return bool(scaler.get("status", {}).get("currentMetrics"))


def wait_for_looks(team: Team, count: int) -> None:
    """Until the autoscaler has asked for the load so often."""
    place = team.audit.now()

    def has_looked() -> bool:
        asked = team.audit.since(place, AUTOSCALER)
        loads = [r for r in asked if r.resource == "metrics.k8s.io/pods"]
        return sum(r.namespace == team.namespace for r in loads) >= count

    eventually(has_looked, f"it looks {count} times")
