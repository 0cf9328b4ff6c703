"""Where the CMS is reached, and whether somebody still has to say so."""

from typing import Any

import pytest

from cms_operator.api import parse
from cms_operator.observed.addresses import Address, find_address
from tests.support.specs import manifest

INGRESS = {"host": "cms.example.com", "ingress": {"className": "nginx"}}
GATEWAY = {"host": "cms.example.com", "gateway": {"name": "public", "namespace": "gateways"}}
BALANCER = {"spec": {"type": "LoadBalancer"}}
CLUSTER_IP = {"spec": {"type": "ClusterIP"}}


def given(*entries: dict[str, str]) -> dict[str, Any]:
    return {"status": {"loadBalancer": {"ingress": list(entries)}}}


def accepted(status: str) -> dict[str, Any]:
    return {"status": {"parents": [{"conditions": [{"type": "Accepted", "status": status}]}]}}


NAMED, NUMBERED = given({"hostname": "lb.example"}), given({"ip": "203.0.113.7"})
INSIDE, NOT_YET = Address("shop.team-a.svc"), Address(None, pending=True)
REACHED, UNREACHED = Address("cms.example.com"), Address("cms.example.com", pending=True)


@pytest.mark.parametrize(
    ("route", "service", "other", "address"),
    [
        pytest.param(None, None, None, NOT_YET, id="no Service yet"),
        pytest.param(None, BALANCER, None, NOT_YET, id="pending"),
        pytest.param(None, BALANCER | given({}), None, NOT_YET, id="an empty entry"),
        pytest.param(None, BALANCER | NUMBERED, None, Address("203.0.113.7"), id="an IP"),
        pytest.param(None, BALANCER | NAMED, None, Address("lb.example"), id="a name"),
        pytest.param(None, CLUSTER_IP, None, INSIDE, id="inside the cluster"),
        pytest.param(INGRESS, CLUSTER_IP, None, UNREACHED, id="no Ingress yet"),
        pytest.param(INGRESS, CLUSTER_IP, NUMBERED, REACHED, id="an Ingress"),
        pytest.param(GATEWAY, CLUSTER_IP, accepted("False"), UNREACHED, id="a Gateway refuses"),
        pytest.param(GATEWAY, CLUSTER_IP, accepted("True"), REACHED, id="a Gateway accepts"),
    ],
)
def test_the_address(route: Any, service: Any, other: Any, address: Address) -> None:
    hcms = parse(manifest({"route": route} if route else {}, namespace="team-a"))
    assert find_address(hcms, service, other, other) == address
