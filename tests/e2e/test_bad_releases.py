"""Images that misbehave on purpose are taken back without a person, and stable serves on."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.headless_cms import HeadlessCms
from demo.misbehaving.faults.names import Fault
from demo.traffic import STEADY, Pace
from demo.waiting import wait_until
from tests.e2e.world import (
    NO_TRIAL,
    READY_SECONDS,
    TRIAL,
    World,
    wait_until_alone,
    wait_until_taken_back,
)

# Enough requests for a verdict within a minute.
BUSY = Pace(connections=8, rate=80)
# The image, the reason on the object, words of its message, and whether it ever gets a request.
FATES = [
    (Fault.CRASH, "RolledBack", "exit code 3", True),
    (Fault.LEAK, "RolledBack", "memory limit", True),
    (Fault.BAD_MIGRATION, "MigrationFailed", "migration", False),
]
# The analysis may see by itself that pods are ready no longer, before the second one has ended.
UNMEASURED: dict[str, Any] = {
    "bakeSeconds": 300,
    "progressDeadlineSeconds": 120,
    "analysis": {"enabled": False},
}
MEASURED_AGAIN: dict[str, Any] = {
    "bakeSeconds": 3,
    **dict.fromkeys(("progressDeadlineSeconds", "analysis")),
}


# Images whose pods look well: only what they answer tells, and words of the verdict.
MEASURED = [(Fault.ERRORS, "errors"), (Fault.SLOW, "latency"), (Fault.NO_DATABASE, "")]


@pytest.mark.parametrize(("fault", "reason", "words", "serves"), FATES, ids=[f[0] for f in FATES])
def test_a_bad_release_is_taken_back(  # noqa: PLR0913  - what a fate is, and where it happens
    world: World, misbehaving: Callable[[Fault], str], shop: HeadlessCms, article: str,
    *, fault: Fault, reason: str, words: str, serves: bool,
) -> None:  # fmt: skip
    bad = misbehaving(fault)
    pods = {pod["metadata"]["uid"] for pod in shop.pods()}
    image, old = shop.found()["spec"]["image"], shop.stable()
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": bad, "rollout": UNMEASURED})
        wait_until_taken_back(shop, reason)
        wait_until_alone(shop)
        report = traffic.stop()
    assert words in shop.condition("Stalled")["message"]
    assert shop.stable() == old
    assert (set(report.revisions) == {old}) is not serves
    if not serves:
        assert report.failures == {}
        assert {pod["metadata"]["uid"] for pod in shop.pods()} == pods
    shop.patch({"image": image, "rollout": MEASURED_AGAIN})
    wait_until(shop.is_ready, READY_SECONDS, "the stable spec is back")
    assert_serves_well(world, article)


@pytest.mark.parametrize(("fault", "words"), MEASURED, ids=[f[0] for f in MEASURED])
def test_a_release_that_answers_badly_is_taken_back_by_what_it_answers(  # noqa: PLR0913  - as above
    world: World, misbehaving: Callable[[Fault], str], shop: HeadlessCms, article: str,
    *, fault: Fault, words: str,
) -> None:  # fmt: skip
    """Failures are answers of the bad revision alone, and none after it is gone."""
    bad = misbehaving(fault)
    image, old = shop.found()["spec"]["image"], shop.stable()
    with world.load.send(article, BUSY) as traffic:
        shop.patch({"image": bad, "rollout": TRIAL})
        wait_until_taken_back(shop, "AnalysisFailed")
        wait_until_alone(shop)
        report = traffic.stop()
    assert shop.stable() == old
    assert words in shop.condition("Stalled")["message"]
    assert report.lost == 0
    assert set(report.blamed) <= {shop.rollout()["revision"]}
    shop.patch({"image": image, "rollout": {**NO_TRIAL, "bakeSeconds": 3}})
    wait_until(shop.is_ready, READY_SECONDS, "the stable spec is back")
    assert_serves_well(world, article)


def test_without_readers_the_operators_own_requests_find_it(
    misbehaving: Callable[[Fault], str], shop: HeadlessCms, article: str
) -> None:
    bad = misbehaving(Fault.ERRORS)
    image, old = shop.found()["spec"]["image"], shop.stable()
    own = {"synthetic": {"path": urlsplit(article).path, "perPod": 50}}
    shop.patch({"image": bad, "rollout": {**TRIAL, "analysis": {**TRIAL["analysis"], **own}}})
    wait_until_taken_back(shop, "AnalysisFailed")
    assert "errors" in shop.condition("Stalled")["message"]
    assert shop.stable() == old
    shop.patch({"image": image, "rollout": {**NO_TRIAL, "bakeSeconds": 3}})
    wait_until(shop.is_ready, READY_SECONDS, "the stable spec is back")


def assert_serves_well(world: World, article: str) -> None:
    with world.load.send(article, STEADY) as traffic:
        wait_until(lambda: traffic.now.requests > 100, 60, "a hundred requests")
        assert traffic.stop().failures == {}
