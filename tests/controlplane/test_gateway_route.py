"""A route by the Gateway API, whose kinds a cluster may lack, or get while the operator runs."""

import json
import subprocess
from pathlib import Path

import pytest

from localcluster import golang
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import Team, eventually

MODULE = Path(__file__).parent / "gatewayapi"
CRD = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
HOST = "cms.shop.example"
ROUTE = {"host": HOST, "gateway": {"name": "public", "namespace": "gateways"}}


@pytest.fixture(scope="module")
def http_route_crd() -> Path:
    """From the pinned Go module of the Gateway API, checked against go.sum."""
    go = golang.toolchain(Progress())
    found = subprocess.run(  # noqa: S603 - the Go command itself, no shell
        [str(go), "mod", "download", "-json", "sigs.k8s.io/gateway-api"],
        cwd=MODULE,
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(json.loads(found.stdout)["Dir"]) / CRD


def accept(team: Team, route: str) -> None:
    """Answer as a gateway's controller does."""
    status = {
        "parents": [
            {
                "parentRef": {"name": "public", "namespace": "gateways"},
                "controllerName": "example.org/gateway",
                "conditions": [
                    {
                        "type": "Accepted",
                        "status": "True",
                        "reason": "Accepted",
                        "message": "",
                        "lastTransitionTime": "2026-01-01T00:00:00Z",
                    }
                ],
            }
        ]
    }
    team.kubectl(
        "patch", "httproute", route, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": status}),
    )  # fmt: skip


def install(control_plane: ControlPlane, crd: Path) -> None:
    control_plane.kubectl("apply", "--server-side", "-f", str(crd))


def test_a_gateway_route_waits_for_the_gateway_api_and_then_follows_the_spec(
    team: Team, control_plane: ControlPlane, http_route_crd: Path
) -> None:
    control_plane.kubectl("delete", "--ignore-not-found", "-f", str(http_route_crd))
    team.make(route=ROUTE)
    team.wait_for("ChildrenOwned", "False", "MissingApi")
    team.wait_for("Available", "True")  # what needs no gateway runs all the same

    install(control_plane, http_route_crd)
    team.wait_for("ChildrenOwned", "True")
    route = eventually(lambda: team.get("httproute", "shop"), "the HTTPRoute is made")
    assert route is not None
    assert route["spec"]["hostnames"] == [HOST]
    assert route["spec"]["rules"][0]["backendRefs"][0]["name"] == "shop"
    service = team.get("service", "shop")
    assert service is not None
    assert service["spec"]["type"] == "ClusterIP"

    assert team.wait_for("AddressAssigned", "False", "AddressPending")
    accept(team, "shop")
    team.wait_for("AddressAssigned", "True")
    found = team.get("headlesscms", "shop")
    assert found is not None
    assert found["status"]["address"] == HOST

    team.patch("httproute", "shop", {"spec": {"hostnames": ["stolen.example"]}})
    eventually(
        lambda: (team.get("httproute", "shop") or {})["spec"]["hostnames"] == [HOST],
        "the route is put right",
    )
    team.make()
    eventually(lambda: team.get("httproute", "shop") is None, "the route is removed")


def test_the_gateway_api_is_taken_away_and_comes_back(
    team: Team, control_plane: ControlPlane, http_route_crd: Path, operator: OperatorProcess
) -> None:
    install(control_plane, http_route_crd)
    team.make(route=ROUTE)
    eventually(lambda: is_there(team), "the HTTPRoute is made")
    accept(team, "shop")
    team.wait_for("AddressAssigned", "True")
    pid = operator.pid

    control_plane.kubectl("delete", "-f", str(http_route_crd))
    team.wait_for("ChildrenOwned", "False", "MissingApi")
    team.wait_for("Available", "True")

    install(control_plane, http_route_crd)
    eventually(lambda: is_there(team), "the HTTPRoute is made again")
    accept(team, "shop")
    team.wait_for("AddressAssigned", "True")
    assert operator.is_running()
    assert operator.pid == pid


def is_there(team: Team) -> bool:
    """The kind itself may be missing: then the server knows no such path."""
    return team.get("httproute", "shop") is not None
