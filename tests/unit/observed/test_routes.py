"""What a route and its gateway tell, and what is made of it."""

from typing import Any

import pytest

from cms_operator.api.fields.route import GatewayRoute
from cms_operator.observed.routes import is_accepted, route_state, with_traffic
from cms_operator.observed.snapshot import RouteState
from cms_operator.resources.children.http_route import TrafficSplit, build
from tests.unit.resources.test_children import GATEWAY, shop

PUBLIC = GatewayRoute(name="public")


def service(revision: str) -> dict[str, Any]:
    return {"spec": {"selector": {"headlesscms.io/revision": revision}}}


def written(split: TrafficSplit | None, *, leads: bool = False) -> RouteState:
    route = build(shop(route=GATEWAY), split, leads_to_preview=leads)
    services = {"shop": service("a"), "shop-preview": service("b")}
    return route_state("shop", PUBLIC, route, services, {"a": 3})


@pytest.mark.parametrize(
    ("split", "weight", "opened"),
    [
        (None, 0, False),
        (TrafficSplit("a", "b", 0), 0, True),
        (TrafficSplit("a", "b", 34), 34, True),
        (TrafficSplit("a", "b", 100), 100, True),
    ],
)
def test_what_is_written_is_read_again(
    split: TrafficSplit | None, weight: int, *, opened: bool
) -> None:
    found = written(split)
    assert (found.weight, found.opened) == (weight, opened)
    assert (found.main, found.preview, found.settled) == ("a", "b", False)


BOTH = ["shop", "shop-preview"]


@pytest.mark.parametrize(
    ("split", "headers", "backends"),
    [
        (None, [[], ["candidate"], ["stable"]], [["shop"], ["shop"], ["shop"]]),
        (
            TrafficSplit("a", "b", 0),
            [[], ["b", "candidate"], ["a", "stable"]],
            [["shop"], ["shop-preview"], ["shop"]],
        ),
        (
            TrafficSplit("a", "b", 34),
            [[], ["b", "candidate"], ["a", "stable"]],
            [BOTH, ["shop-preview"], ["shop"]],
        ),
        (
            TrafficSplit("a", "b", 100),
            [[], ["b", "candidate"], ["stable"]],
            [BOTH, ["shop-preview"], BOTH],
        ),
    ],
    ids=["no split", "testers only", "a share", "everybody"],
)
def test_a_header_outranks_the_weights_and_keeps_a_session_where_it_began(
    split: TrafficSplit | None, headers: list[list[str]], backends: list[list[str]]
) -> None:
    """Each rule is there always, in its place: gateways name what is behind a rule by its place."""
    route = build(shop(route=GATEWAY), split)
    assert route
    rules = route["spec"]["rules"]
    asked = [[m["headers"][0]["value"] for m in r["matches"] if "headers" in m] for r in rules]
    assert asked == headers
    assert [[r["name"] for r in rule["backendRefs"]] for rule in rules] == backends


def test_the_order_of_rules_is_not_what_tells_the_weight() -> None:
    route = build(shop(route=GATEWAY), TrafficSplit("a", "b", 34))
    assert route
    route["spec"]["rules"].reverse()
    assert route_state("shop", PUBLIC, route, {}, {}).weight == 34


def answered(**changes: Any) -> dict[str, Any]:
    conditions = [
        {"type": kind, "status": "True", "observedGeneration": 2}
        for kind in ("Accepted", "ResolvedRefs")
    ]
    parent = {"parentRef": {"name": "public"}, "conditions": conditions} | changes
    return {
        "metadata": {"namespace": "default", "generation": 2},
        "status": {"parents": [parent]},
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"parentRef": {"name": "public", "namespace": "default"}}, True),
        ({"parentRef": {"name": "other"}}, False),
        ({"parentRef": {"name": "public", "sectionName": "https"}}, False),
        ({"conditions": [{"type": "Accepted", "status": "True", "observedGeneration": 2}]}, False),
        (
            {
                "conditions": [
                    {"type": kind, "status": "True", "observedGeneration": 1}
                    for kind in ("Accepted", "ResolvedRefs")
                ]
            },
            False,
        ),
        (
            {
                "conditions": [
                    {"type": "Accepted", "status": "True", "observedGeneration": 2},
                    {"type": "ResolvedRefs", "status": "False", "observedGeneration": 2},
                ]
            },
            False,
        ),
        ({"conditions": []}, False),
    ],
)
def test_a_route_is_set_when_its_gateway_has_accepted_this_generation(
    changes: dict[str, Any], *, expected: bool
) -> None:
    assert is_accepted(answered(**changes), PUBLIC) is expected


def test_a_gateway_that_all_namespaces_share_is_known_by_its_own() -> None:
    shared = GatewayRoute(name="public", namespace="infra")
    assert is_accepted(answered(parentRef={"name": "public", "namespace": "infra"}), shared)
    assert not is_accepted(answered(), shared), "another one, beside the HeadlessCMS"


def test_that_the_gateway_may_still_send_requests_to_the_candidate_is_written_and_read_again() -> (
    None
):
    assert written(None, leads=True).uses_preview
    assert not written(None).uses_preview


def test_endpoints_behind_the_preview_service_count_while_it_has_a_weight() -> None:
    assert with_traffic(RouteState(endpoints={"a": 3}), {"b": 2}) == {"a": 3}
    assert with_traffic(RouteState(weight=34, endpoints={"a": 3}), {"b": 2}) == {"a": 3, "b": 2}
