"""Releases under constant load, in every strategy: readers notice nothing, good or bad."""

from collections.abc import Iterator
from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import READY_SECONDS, World

NOWHERE = "localhost/no-such-image:1"
STEPS = [{"setWeight": 50}, {"pause": {"duration": 5}}]
STRATEGIES: dict[str, dict[str, Any]] = {
    "RollingUpdate": {},
    "Canary": {"canary": {"steps": STEPS}},
    "BlueGreen": {"blueGreen": {"scaleDownDelaySeconds": 5}},
}


@pytest.fixture(params=STRATEGIES)
def strategy(request: pytest.FixtureRequest, shop: HeadlessCms) -> Iterator[str]:
    """The strategy of the shop's next release."""
    name = str(request.param)
    nothing = dict.fromkeys(("canary", "blueGreen", "progressDeadlineSeconds"))
    shop.patch({"rollout": {**nothing, "strategy": name, **STRATEGIES[name]}})
    yield name
    shop.patch({"rollout": {**nothing, "strategy": "RollingUpdate"}})


def stable(shop: HeadlessCms) -> str:
    return str(shop.found()["status"]["stableRevision"])


def settle(shop: HeadlessCms) -> None:
    wait_until(
        lambda: len(shop.deployments()) == 1 and shop.is_ready(), READY_SECONDS, "it is settled"
    )


def test_a_good_release_loses_no_request(
    world: World, shop: HeadlessCms, article: str, next_image: str, strategy: str
) -> None:
    settle(shop)
    old = stable(shop)
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image})
        wait_until(lambda: stable(shop) != old, READY_SECONDS, "the new revision is stable")
        settle(shop)
        new = stable(shop)
        wait_until(lambda: new in traffic.now.revisions, 60, "it answers")
        report = traffic.stop()
    rollout = shop.found()["status"]["rollout"]
    assert (rollout["strategy"], rollout["phase"]) == (strategy, "Completed")
    assert report.failures == {}
    assert set(report.revisions) == {old, new}


def test_a_release_that_cannot_start_is_taken_back_and_loses_no_request(
    world: World, shop: HeadlessCms, article: str, strategy: str
) -> None:
    settle(shop)
    old, pods = stable(shop), {pod["metadata"]["uid"] for pod in shop.pods()}
    image = shop.found()["spec"]["image"]
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": NOWHERE, "rollout": {"progressDeadlineSeconds": 8}})
        wait_until(
            lambda: shop.condition("Stalled").get("reason") == "RolledBack",
            READY_SECONDS,
            "it is taken back",
        )
        wait_until(lambda: len(shop.deployments()) == 1, READY_SECONDS, "its pods are gone")
        report = traffic.stop()
    assert shop.found()["status"]["rollout"]["strategy"] == strategy
    shop.patch({"image": image})
    assert report.failures == {}
    assert set(report.revisions) == {old}
    assert {pod["metadata"]["uid"] for pod in shop.pods()} == pods
