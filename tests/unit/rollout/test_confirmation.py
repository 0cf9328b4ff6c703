"""Before traffic or pods are taken away, the endpoints are read anew."""

from typing import Any

import pytest

from cms_operator.observed.family import Family
from cms_operator.observed.snapshot import RouteState
from cms_operator.rollout.confirmation import shifts, takes_away
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.routing import Traffic


def family(replicas: int, selected: str | None) -> Family:
    selector = {"headlesscms.io/revision": selected} if selected else {}
    deployment = {
        "metadata": {"labels": {"headlesscms.io/revision": "a"}},
        "spec": {"replicas": replicas},
    }
    service = {"spec": {"selector": selector}}
    return Family({"Deployment": {"shop-a": deployment}, "Service": {"shop": service}})


@pytest.mark.parametrize(
    ("replicas", "selected", "decided", "expected"),
    [
        (3, None, {"sizes": {"a": 3}}, False),
        (3, None, {"sizes": {"a": 4, "b": 1}}, False),
        (3, None, {"sizes": {"a": 2}}, True),
        (3, "a", {"sizes": {"a": 3}, "active": "a"}, False),
        (3, "a", {"sizes": {"a": 3}, "active": "b"}, True),
        (3, None, {"sizes": {"a": 3}, "active": "a"}, True),
        (3, "a", {"sizes": {"a": 3}, "active": None}, False),
    ],
)
def test_what_cannot_be_taken_back_is_confirmed(
    replicas: int, selected: str | None, decided: dict[str, Any], *, expected: bool
) -> None:
    decision = Decision(DecisionPhase.PROGRESSING, "b", "a", **decided)
    assert takes_away(decision, family(replicas, selected), "shop") is expected


@pytest.mark.parametrize(
    ("traffic", "expected"),
    [
        (None, False),
        (Traffic("a", "b", 34, opened=True), False),
        (Traffic("a", "b", 50, opened=True), True),
        (Traffic("a", "c", 34, opened=True), True),
        (Traffic("a", "b"), True),
    ],
)
def test_a_route_that_changes_is_confirmed(traffic: Traffic | None, *, expected: bool) -> None:
    seen = RouteState("a", "b", 34, opened=True)
    assert shifts(Decision(DecisionPhase.PROGRESSING, "b", "a", traffic=traffic), seen) is expected
    assert not shifts(Decision(DecisionPhase.PROGRESSING, "b", "a", traffic=traffic), None)
