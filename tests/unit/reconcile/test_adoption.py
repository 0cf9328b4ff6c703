"""What a HeadlessCMS takes over when it is asked to, and what never."""

from typing import Any

import pytest

from cms_operator.api import parse
from cms_operator.api.annotations import ADOPT
from cms_operator.api.status import AdoptionStatus
from cms_operator.reconcile import adoption
from cms_operator.resources import names
from tests.support.specs import manifest
from tests.unit.rollout.pictures import NOON

OURS = {
    "app.kubernetes.io/name": "headlesscms",
    "app.kubernetes.io/instance": "shop",
    "app.kubernetes.io/managed-by": "headlesscms-operator",
}
LONG = "a-name-that-is-too-long-to-have-a-hash-behind-it-and-stay-a-label"[:60]


def found(name: str, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": OURS, **metadata}}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Secret", "shop-jwt"),
        ("Secret", "shop-database"),
        ("Secret", "shop-admin"),
        ("Deployment", "shop-0123456789"),
        ("ControllerRevision", "shop-0123456789"),
        ("Job", "shop-migrate-01234567"),
        ("Job", "shop-contract-01234567"),
        ("Service", "shop"),
        ("Service", "shop-preview"),
        ("HorizontalPodAutoscaler", "shop"),
    ],
)
def test_a_child_without_an_owner_is_taken_over(kind: str, name: str) -> None:
    child = found(name)
    assert adoption.orphans("shop", [(kind, child)]) == [(kind, child)]


def test_a_child_with_a_shortened_name_is_known_again() -> None:
    child = found(names.deployment(LONG, "0123456789"))
    child["metadata"]["labels"] = OURS | {"app.kubernetes.io/instance": LONG}
    assert adoption.orphans(LONG, [("Deployment", child)])


def owned(uid: str, *, controller: bool) -> list[dict[str, Any]]:
    owner = {"uid": uid, "kind": "HeadlessCMS", "name": "shop", "controller": controller}
    return [owner]


@pytest.mark.parametrize(
    ("kind", "child"),
    [
        pytest.param("Service", found("shop", labels={}), id="without labels"),
        pytest.param(
            "Service",
            found("shop", labels=OURS | {"app.kubernetes.io/instance": "blog"}),
            id="of another instance",
        ),
        pytest.param(
            "Secret",
            found("shop-jwt", labels=OURS | {"app.kubernetes.io/managed-by": "Helm"}),
            id="of another manager",
        ),
        pytest.param("Secret", found("shop-tls"), id="with a name that no child has"),
        pytest.param("Deployment", found("other-0123456789"), id="with another's name"),
        pytest.param("Pod", found("shop"), id="of a kind that is never made"),
        pytest.param(
            "Service",
            found("shop", ownerReferences=owned("x", controller=True)),
            id="with a controller",
        ),
        pytest.param("Service", found("shop", deletionTimestamp="now"), id="that is ending"),
    ],
)
def test_whatever_may_be_of_somebody_else_is_left_alone(kind: str, child: dict[str, Any]) -> None:
    assert adoption.orphans("shop", [(kind, child)]) == []


def test_an_owner_that_controls_nothing_is_no_obstacle() -> None:
    child = found("shop", ownerReferences=owned("x", controller=False))
    assert adoption.orphans("shop", [("Service", child)])


def asks(value: str | None) -> Any:
    shop = manifest()
    annotations = {} if value is None else {ADOPT: value}
    return parse({**shop, "metadata": {**shop["metadata"], "annotations": annotations}})


@pytest.mark.parametrize(
    ("value", "before", "request_"),
    [
        (None, None, None),
        ("", None, None),
        ("1", None, "1"),
        ("1", AdoptionStatus(request="1"), "1"),
        ("1", AdoptionStatus(request="1", finished_at=NOON), None),
        ("2", AdoptionStatus(request="1", finished_at=NOON), "2"),
        ("x" * 300, AdoptionStatus(request="x" * 256, finished_at=NOON), None),
    ],
)
def test_a_request_stands_until_all_is_owned_and_counts_once(
    value: str | None, before: AdoptionStatus | None, request_: str | None
) -> None:
    assert adoption.request(asks(value), before) == request_


def test_what_comes_later_is_told_beside_what_came_first() -> None:
    first = adoption.taking(None, "1", [("Secret", found("shop-jwt"))])
    second = adoption.taking(first, "1", [("Service", found("shop"))])
    assert second.objects == ("Secret/shop-jwt", "Service/shop")
    assert adoption.taking(adoption.finished(second, NOON), "2", []).objects == ()
    many = [("Job", found(f"shop-migrate-{number:08x}")) for number in range(100)]
    assert len(adoption.taking(None, "1", many).objects) == adoption.MOST_TOLD
