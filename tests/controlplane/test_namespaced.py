"""The operator of one namespace, with the chart's ServiceAccount and Role and no other right."""

import copy
import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from localcluster.controlplane import ControlPlane
from localcluster.paths import write_private
from tests.controlplane.api import Api
from tests.controlplane.audit import Request
from tests.controlplane.operator_process import OperatorProcess, chart
from tests.controlplane.replicas import RESOURCE
from tests.controlplane.team import LONG_PATIENCE, Team, always, eventually
from tests.support.charts import NAMESPACE, Objects, of_kind, the

HOST = "cms.example.com"
INGRESS = {"host": HOST, "ingress": {"className": "nginx"}}
GATEWAY = {"host": HOST, "gateway": {"name": "public", "namespace": "gateways"}}


@pytest.fixture
def rendered(team: Team) -> Objects:
    return chart().render({"watchNamespaces": [team.namespace]})


@pytest.fixture
def user(rendered: Objects) -> str:
    return (
        f"system:serviceaccount:{NAMESPACE}:{the(rendered, 'ServiceAccount')['metadata']['name']}"
    )


Asked = Callable[[], list[Request]]


@pytest.fixture
def asked(team: Team, user: str) -> Asked:
    """What its operator has asked for in this test: in another its user has the same name."""
    place = team.audit.now()
    return lambda: team.audit.since(place, user)


@pytest.fixture
def namespaced(
    team: Team, rendered: Objects, operator: OperatorProcess, tmp_path: Path
) -> Iterator[OperatorProcess]:
    with in_place_of(operator, team.control_plane, rendered, tmp_path) as process:
        process.start()
        yield process


@contextmanager
def in_place_of(
    operator: OperatorProcess, control_plane: ControlPlane, rendered: Objects, folder: Path
) -> Iterator[OperatorProcess]:
    """An operator in place of the whole cluster's: still to be started, with the rights of the
    chart.
    """
    (container,) = the(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    asked = {
        variable["name"]: variable["value"]
        for variable in container["env"]
        if variable["name"].startswith(("HCMS_WATCH_", "HCMS_LEA"))
    }
    install(control_plane, rendered)
    account = the(rendered, "ServiceAccount")["metadata"]["name"]
    token = control_plane.kubectl("create", "token", account, "-n", NAMESPACE).strip()
    kubeconfig = kubeconfig_of(control_plane, token, folder)
    environment = {"KUBECONFIG": str(kubeconfig), "HCMS_OPERATOR_NAMESPACE": NAMESPACE, **asked}
    process = operator.another("namespaced-operator", environment=environment)
    operator.stop()
    try:
        yield process
    finally:
        process.stop()
        operator.start()


def install(control_plane: ControlPlane, rendered: Objects) -> None:
    """The rights alone, where they are rendered for."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kinds = ("ServiceAccount", "Role", "RoleBinding")
    for found in (namespace, *(found for kind in kinds for found in of_kind(rendered, kind))):
        control_plane.kubectl("apply", "-f", "-", stdin=json.dumps(found))


def kubeconfig_of(control_plane: ControlPlane, token: str, folder: Path) -> Path:
    config = json.loads(control_plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    return write_private(folder / "kubeconfig", json.dumps(config))


@pytest.fixture
def elsewhere(control_plane: ControlPlane, api: Api) -> Iterator[Team]:
    """Another team, whose namespace this operator does not serve."""
    made = Team(control_plane, api, f"elsewhere-{secrets.token_hex(3)}")
    made.create()
    yield made
    made.remove()


def test_nothing_but_rights_in_the_namespace_is_granted(team: Team, rendered: Objects) -> None:
    """The one exception is the lease, where the operator is."""
    assert of_kind(rendered, "ClusterRoleBinding") == []
    for kind in ("Role", "RoleBinding"):
        places = {found["metadata"]["namespace"] for found in of_kind(rendered, kind)}
        assert places == {team.namespace, NAMESPACE}


@pytest.mark.usefixtures("asked", "namespaced")  # in this order
def test_it_keeps_what_is_in_its_namespace_and_touches_no_other(
    team: Team, elsewhere: Team, asked: Asked, control_plane: ControlPlane, http_route_crd: Path
) -> None:
    control_plane.kubectl("delete", "--ignore-not-found", "-f", str(http_route_crd))
    elsewhere.make(replicas=1)
    team.make(replicas=2, autoscaling={"minReplicas": 2}, route=INGRESS)
    team.wait_until_ready()
    assert len(team.pods()) == 2

    team.delete("service", "shop")
    team.patch("ingress", "shop", {"spec": {"rules": [{"host": "stolen.example"}]}})
    eventually(lambda: "shop" in team.names("service"), "the Service is made again")
    eventually(
        lambda: team.the("ingress", "shop")["spec"]["rules"][0]["host"] == HOST,
        "the Ingress is put right",
    )

    team.make(replicas=2, route=GATEWAY)
    team.wait_for("ChildrenOwned", "False", "MissingApi")
    control_plane.kubectl("apply", "--server-side", "-f", str(http_route_crd))
    team.wait_for("ChildrenOwned", "True")
    team.wait_until_ready()
    team.patch("httproute", "shop", {"spec": {"hostnames": ["stolen.example"]}})
    eventually(
        lambda: team.the("httproute", "shop")["spec"]["hostnames"] == [HOST],
        "the HTTPRoute is put right",
    )
    eventually(lambda: not team.names("ingress"), "the Ingress goes")

    assert elsewhere.status() == {"observedGeneration": -1}, "as the server has begun it"
    assert elsewhere.all("deployment") == []
    assert [request for request in asked() if not request.allowed] == []
    assert {(r.namespace, r.resource) for r in asked() if r.namespace != team.namespace} == {
        (NAMESPACE, RESOURCE)
    }


def test_a_restart_finds_all_that_it_needs(
    team: Team, asked: Asked, namespaced: OperatorProcess
) -> None:
    team.make(replicas=1)
    team.wait_until_ready()
    namespaced.stop()
    team.make(replicas=2)
    namespaced.start()
    team.wait_until_ready()
    eventually(lambda: len(team.pods()) == 2, "what was asked for meanwhile")
    assert [request for request in asked() if not request.allowed] == []


def without(resource: str, rendered: Objects) -> Objects:
    """The same rights but those to one kind."""
    lesser: Objects = copy.deepcopy(rendered)
    for role in of_kind(lesser, "Role"):
        for rule in role["rules"]:
            rule["resources"] = [name for name in rule["resources"] if name != resource]
        role["rules"] = [rule for rule in role["rules"] if rule["resources"]]
    return lesser


def test_a_namespace_that_is_gone_keeps_no_other_one_back(
    team: Team,
    elsewhere: Team,
    operator: OperatorProcess,
    control_plane: ControlPlane,
    tmp_path: Path,
) -> None:
    """It is served when it is back, and not before the operator may see all that is in it."""
    gone = elsewhere
    rendered = chart().render({"watchNamespaces": [gone.namespace, team.namespace]})
    account = the(rendered, "ServiceAccount")["metadata"]["name"]
    user = f"system:serviceaccount:{NAMESPACE}:{account}"
    with in_place_of(operator, control_plane, rendered, tmp_path) as process:
        control_plane.kubectl("delete", "namespace", gone.namespace, "--wait")
        team.make(replicas=1)
        process.start()
        team.wait_until_ready()

        gone.create()
        gone.make(replicas=1)
        place = team.audit.now()
        install(control_plane, without("services", rendered))

        def may_list(resource: str) -> bool:
            return any(
                (found.namespace, found.resource, found.allowed) == (gone.namespace, resource, True)
                for found in team.audit.since(place, user)
            )

        seen = partial(may_list, "/configmaps")
        eventually(seen, "it sees a part of the namespace", LONG_PATIENCE)
        always(lambda: not gone.all("deployment"), "it does nothing there yet", seconds=5)
        assert gone.status() == {"observedGeneration": -1}, "as the server has begun it"
        install(control_plane, rendered)
        gone.wait_until_ready(seconds=LONG_PATIENCE)
