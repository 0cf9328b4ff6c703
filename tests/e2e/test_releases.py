"""Releases under constant load, in every strategy: readers notice nothing, good or bad.

And none has fewer pods available, or more of them at once, than its strategy allows.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.installation import OPERATOR_NAMESPACE
from demo.misbehaving.faults.names import Fault
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.pod_trace import PodTrace
from tests.e2e.world import (
    OPERATOR,
    READY_SECONDS,
    SMALL,
    World,
    wait_until_alone,
    wait_until_settled,
    wait_until_taken_back,
)

STEPS = [{"setWeight": 50}, {"pause": {"duration": 5}}]
STRATEGIES: dict[str, dict[str, Any]] = {
    "RollingUpdate": {},
    "Canary": {"canary": {"steps": STEPS}},
    "BlueGreen": {"blueGreen": {"scaleDownDelaySeconds": 5}},
}

WANTED = int(SMALL["replicas"])
# maxSurge is a quarter of two pods, rounded up; BlueGreen doubles them.
MOST = {"RollingUpdate": WANTED + 1, "Canary": WANTED + 1, "BlueGreen": 2 * WANTED}


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest, shop: HeadlessCms) -> Iterator[str]:
    """The strategy of the shop's next release."""
    name = str(request.param)
    nothing = dict.fromkeys(("canary", "blueGreen", "progressDeadlineSeconds"))
    shop.patch({"rollout": {**nothing, "strategy": name, **STRATEGIES[name]}})
    yield name
    shop.patch({"rollout": {**nothing, "strategy": "RollingUpdate"}})


def test_a_good_release_loses_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    wait_until_settled(shop)
    old = shop.stable()
    with PodTrace(shop) as pods, world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image})
        wait_until(lambda: shop.stable() != old, READY_SECONDS, "the new revision is stable")
        wait_until_settled(shop)
        new = shop.stable()
        wait_until(lambda: new in traffic.now.revisions, 60, "it answers")
        report = traffic.stop()
    rollout = shop.rollout()
    assert (rollout["strategy"], rollout["phase"]) == (strategy, "Completed")
    assert report.failures == {}
    assert_within_bounds(pods, strategy)
    assert set(report.revisions) == {old, new}


def test_an_operator_that_is_killed_in_the_middle_of_a_release_loses_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    wait_until_settled(shop)
    old = shop.stable()
    with PodTrace(shop) as pods, world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image})
        wait_until(lambda: len(shop.deployments()) > 1, READY_SECONDS, "the candidate's pods")
        world.kubectl(
            "delete", "pods", "-n", OPERATOR_NAMESPACE, "--all", "--force", "--grace-period=0"
        )
        wait_until(lambda: shop.stable() != old, READY_SECONDS, "the new revision is stable")
        wait_until_settled(shop)
        report = traffic.stop()
    assert shop.rollout()["strategy"] == strategy
    assert report.failures == {}
    assert_within_bounds(pods, strategy)


def test_a_release_that_never_gets_ready_is_taken_back_and_loses_no_request(
    world: World,
    shop: HeadlessCms,
    article: str,
    misbehaving: Callable[[Fault], str],
    strategy: str,
) -> None:
    bad = misbehaving(Fault.NEVER_READY)
    wait_until_settled(shop)
    old, before = shop.stable(), {pod["metadata"]["uid"] for pod in shop.pods()}
    image = shop.found()["spec"]["image"]
    with PodTrace(shop) as pods, world.load.send(article, STEADY) as traffic:
        shop.patch({"image": bad, "rollout": {"progressDeadlineSeconds": 10}})
        wait_until_taken_back(shop, "RolledBack")
        wait_until_alone(shop)
        report = traffic.stop()
    assert shop.rollout()["strategy"] == strategy
    assert "progressDeadlineSeconds" in shop.condition("Stalled")["message"]
    shop.patch({"image": image})
    assert report.failures == {}
    assert_within_bounds(pods, strategy)
    assert set(report.revisions) == {old}
    assert {pod["metadata"]["uid"] for pod in shop.pods()} == before


def test_a_release_aborted_by_a_person_loses_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    wait_until_settled(shop)
    old, image = shop.stable(), shop.found()["spec"]["image"]
    with PodTrace(shop) as pods, world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image, "rollout": {"bakeSeconds": 300}})
        new = wait_until(lambda: answering(shop, old), READY_SECONDS, "the new revision answers")
        shop.ask("abort", f"{new}:{strategy}")
        wait_until_taken_back(shop, "RolledBack")
        wait_until_alone(shop)
        report = traffic.stop()
    assert shop.rollout()["strategy"] == strategy
    shop.patch({"image": image, "rollout": {"bakeSeconds": 3}})
    assert report.failures == {}
    assert_within_bounds(pods, strategy)
    # Kept connections stay with the pods that they lead to, so few may have moved.
    assert old in report.revisions
    assert set(report.revisions) <= {old, new}


def test_a_rollback_asked_for_by_a_person_loses_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    wait_until_settled(shop)
    old, image = shop.stable(), shop.found()["spec"]["image"]
    shop.patch({"image": next_image})
    wait_until(lambda: shop.stable() != old, READY_SECONDS, "the new revision is stable")
    wait_until_settled(shop)
    new = shop.stable()
    with PodTrace(shop) as pods, world.load.send(article, STEADY) as traffic:
        shop.ask("rollback", f"{new}:{old}:{strategy}")
        wait_until(lambda: shop.stable() == old, READY_SECONDS, "the old revision is stable")
        wait_until(shop.is_alone, READY_SECONDS, "the new revision's pods are gone")
        wait_until(lambda: old in traffic.now.revisions, 60, "the old revision answers")
        report = traffic.stop()
    assert shop.condition("Stalled")["reason"] == "Pinned"
    shop.patch({"image": image})  # which ends the rollback
    assert report.failures == {}
    assert_within_bounds(pods, strategy)
    assert set(report.revisions) == {old, new}


def test_pods_that_go_and_an_operator_that_restarts_in_a_release_cost_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    wait_until_settled(shop)
    old = shop.stable()
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image, "rollout": {"bakeSeconds": 300}})
        wait_until(lambda: len(shop.deployments()) > 1, READY_SECONDS, "the candidate's pods")
        world.kubectl("delete", "pod", shop.serving_pods()[0], "-n", world.namespace)
        world.kubectl("rollout", "restart", *OPERATOR)
        new = wait_until(lambda: answering(shop, old), READY_SECONDS, "the new revision answers")
        evicted, *others = serving(shop, new)
        world.evict(evicted)
        wait_until(
            lambda: evicted not in serving(shop, new) and len(serving(shop, new)) == WANTED,
            READY_SECONDS,
            "another pod serves in its place",
        )
        assert set(others) < set(serving(shop, new))
        shop.patch({"rollout": {"bakeSeconds": 3}})
        wait_until(lambda: shop.stable() == new, READY_SECONDS, "the new revision is stable")
        wait_until_settled(shop)
        report = traffic.stop()
    assert (shop.rollout()["strategy"], shop.rollout()["phase"]) == (strategy, "Completed")
    assert report.failures == {}


def serving(shop: HeadlessCms, revision: str) -> list[str]:
    return [name for name in shop.serving_pods() if f"-{revision}-" in name]


def assert_within_bounds(pods: PodTrace, strategy: str) -> None:
    assert min(pods.available) >= WANTED
    assert WANTED < max(pods.living) <= MOST[strategy]


def answering(shop: HeadlessCms, old: str) -> str | None:
    """The other revision, once it has all the traffic that its strategy gives it."""
    rollout = shop.rollout()
    there = rollout.get("phase") == "Baking" and rollout["revision"] != old
    return str(rollout["revision"]) if there else None
