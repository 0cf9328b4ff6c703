"""A route by the Gateway API, whose kinds a cluster may lack, or get while the operator runs."""

from functools import partial
from pathlib import Path

from localcluster.controlplane import ControlPlane
from tests.controlplane.gateway import HOST, ROUTE, accept, install
from tests.controlplane.operator_process import OperatorProcess
from tests.controlplane.team import Team, eventually


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
    accept(team, team.the("httproute", "shop"))
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
    accept(team, team.the("httproute", "shop"))
    team.wait_for("AddressAssigned", "True")
    pid = operator.pid

    control_plane.kubectl("delete", "-f", str(http_route_crd))
    team.wait_for("ChildrenOwned", "False", "MissingApi")
    team.wait_for("Available", "True")

    install(control_plane, http_route_crd)
    eventually(lambda: is_there(team), "the HTTPRoute is made again")
    accept(team, team.the("httproute", "shop"))
    team.wait_for("AddressAssigned", "True")
    assert operator.is_running()
    assert operator.pid == pid


def test_releases_leave_nothing_behind_while_the_gateway_api_is_missing(
    team: Team, control_plane: ControlPlane, http_route_crd: Path
) -> None:
    control_plane.kubectl("delete", "--ignore-not-found", "-f", str(http_route_crd))
    team.make(replicas=1, route={"host": HOST, "ingress": {}}, autoscaling={"minReplicas": 1})
    team.wait_until_ready()
    old = f"shop-{team.revision()}"

    team.make(
        replicas=1,
        route=ROUTE,
        rollout={"revisionHistoryLimit": 0, "bakeSeconds": 0},
        pod={"labels": {"release": "2"}},
    )
    team.wait_for("ChildrenOwned", "False", "MissingApi")
    for kind in ("deployment", "configmap", "poddisruptionbudget", "controllerrevision"):
        eventually(partial(is_gone, team, kind, old), f"the old {kind} goes")
    eventually(lambda: not team.names("horizontalpodautoscaler"), "nobody asks for one any more")
    assert team.condition("ChildrenOwned")[1] == "MissingApi"
    assert team.names("ingress") == {"shop"}, "requests still come this way"


def is_gone(team: Team, kind: str, name: str) -> bool:
    return name not in team.names(kind)


def is_there(team: Team) -> bool:
    """The kind itself may be missing: then the server knows no such path."""
    return team.get("httproute", "shop") is not None
