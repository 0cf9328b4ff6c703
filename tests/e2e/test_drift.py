"""Children that somebody changed by hand are put right."""

from collections.abc import Mapping
from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.waiting import wait_until
from tests.e2e.world import HEALING_SECONDS, World

CHANGES: dict[str, dict[str, Any]] = {
    "deployments": {"spec": {"replicas": 1}},
    "services": {"spec": {"selector": {"app.kubernetes.io/component": "nobody"}}},
    "networkpolicies": {"spec": {"ingress": [{}]}},
    "poddisruptionbudgets": {"spec": {"maxUnavailable": "100%"}},
}
OF_A_REVISION = {"deployments", "configmaps", "poddisruptionbudgets"}


def read(world: World, shop: HeadlessCms, kind: str) -> dict[str, Any] | None:
    revision = shop.stable()
    name = f"{shop.name}-{revision}" if kind in OF_A_REVISION else shop.name
    return world.kubectl.get(kind, name, world.namespace)


def the_child(world: World, shop: HeadlessCms, kind: str) -> dict[str, Any]:
    child = read(world, shop, kind)
    assert child is not None
    return child


def content(child: Mapping[str, Any]) -> dict[str, Any]:
    return {key: child[key] for key in ("spec", "data") if key in child}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_hand_changed_child_is_put_right(world: World, shop: HeadlessCms, kind: str) -> None:
    before = the_child(world, shop, kind)
    name = before["metadata"]["name"]
    changed = world.kubectl.patch(kind, name, world.namespace, CHANGES[kind])
    assert content(changed) != content(before)
    wait_until(
        lambda: content(the_child(world, shop, kind)) == content(before),
        HEALING_SECONDS,
        f"{kind} as before",
    )


@pytest.mark.parametrize(
    "kind", ["services", "configmaps", "networkpolicies", "poddisruptionbudgets", "serviceaccounts"]
)
def test_a_deleted_child_comes_back(world: World, shop: HeadlessCms, kind: str) -> None:
    before = the_child(world, shop, kind)
    world.kubectl("delete", kind, before["metadata"]["name"], "-n", world.namespace)
    wait_until(
        lambda: read(world, shop, kind),
        HEALING_SECONDS,
        f"{kind} there again",
    )
    assert the_child(world, shop, kind)["metadata"]["uid"] != before["metadata"]["uid"]
