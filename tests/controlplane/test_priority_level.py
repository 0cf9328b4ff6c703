"""The API server gives the operator's requests the turn that the chart reserves for them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api
from tests.controlplane.operator_process import chart
from tests.controlplane.team import eventually
from tests.support.charts import NAMESPACE, of_kind, the

FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"
KINDS = {
    "PriorityLevelConfiguration": "prioritylevelconfigurations",
    "FlowSchema": "flowschemas",
}
SECRETS = "/api/v1/namespaces/default/secrets"
LEASES = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases"


@pytest.fixture
def applied(control_plane: ControlPlane, api: Api) -> Iterator[dict[str, Any]]:
    """The chart's objects as the API server has them, by kind, and the ServiceAccount."""
    objects = chart().render({"priorityLevel": {"enabled": True}})
    found: dict[str, Any] = {"ServiceAccount": the(objects, "ServiceAccount")}
    for kind, plural in KINDS.items():
        (wanted,) = of_kind(objects, kind)
        control_plane.kubectl(
            *("apply", "--server-side", "--validate=strict", "-f", "-"), stdin=json.dumps(wanted)
        )
        path = f"{FLOW_CONTROL}/{plural}/{wanted['metadata']['name']}"
        found[kind] = api.request("GET", path)
    yield found
    for kind, plural in KINDS.items():
        api.request("DELETE", f"{FLOW_CONTROL}/{plural}/{found[kind]['metadata']['name']}")


def turn(api: Api, user: str, path: str) -> tuple[str | None, str | None]:
    """The uids of the flow and of the level by which the server has taken a request."""
    connection = api.connect()
    try:
        connection.request("GET", path, headers={"Impersonate-User": user})
        headers = connection.getresponse().headers
    finally:
        connection.close()
    flow, level = (f"X-Kubernetes-PF-{what}-UID" for what in ("FlowSchema", "PriorityLevel"))
    return headers[flow], headers[level]


@pytest.mark.parametrize("path", [SECRETS, LEASES])
def test_the_level_takes_the_operators_requests_and_nobody_elses(
    api: Api, applied: dict[str, Any], path: str
) -> None:
    account = applied["ServiceAccount"]["metadata"]
    user = f"system:serviceaccount:{account['namespace']}:{account['name']}"
    level, flow = (applied[kind]["metadata"]["uid"] for kind in KINDS)
    eventually(lambda: turn(api, user, path) == (flow, level), "the server knows the flow")
    assert not {flow, level} & {*turn(api, f"{user}-2", path)}
