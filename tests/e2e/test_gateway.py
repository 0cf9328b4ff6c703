"""Releases by the weights of a route on a real gateway: what readers, testers and editors get."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from math import sqrt
from typing import Any
from urllib.parse import urlsplit

import pytest

from demo.headless_cms import HeadlessCms
from demo.misbehaving.faults.names import Fault
from demo.traffic import STEADY, Pace, Traffic
from demo.waiting import wait_until
from localcluster import existing, gateway
from localcluster.cluster import Cluster
from localcluster.progress import Progress
from tests.e2e.world import (
    NO_TRIAL,
    READY_SECONDS,
    World,
    wait_until_alone,
    wait_until_taken_back,
)

BUSY = Pace(connections=8, rate=80)
SAMPLE = 800
# One of some two million samples of a gateway that keeps the weight is farther away.
DEVIATIONS = 5
ROUTE = {"host": gateway.HOST, "gateway": {"name": gateway.NAME, "namespace": gateway.NAMESPACE}}
TESTERS, FEW, HALF = 1, 4, 6
STEPS: list[dict[str, Any]] = [
    {"setCanaryScale": {"replicas": 1}},
    {"pause": {}},
    {"setCanaryScale": {"matchTrafficWeight": True}},
    {"setWeight": 20},
    {"pause": {}},
    {"setWeight": 50},
    {"pause": {}},
]
TRIAL: list[dict[str, Any]] = [{"setWeight": 34}, {"pause": {}}]
SOON = {"intervalSeconds": 5, "warmUpSeconds": 5}


@pytest.fixture(scope="module")
def public_gateway(cluster: Cluster) -> Iterator[str]:
    """Its address inside the cluster."""
    if cluster.provider == existing.PROVIDER:
        pytest.skip("a cluster of your own has a gateway of your own")
    gateway.install(cluster, Progress())
    yield f"http://{gateway.HOST}"
    gateway.remove(cluster, Progress())


@pytest.fixture
def public_article(
    world: World, public_gateway: str, shop: HeadlessCms, article: str
) -> Iterator[str]:
    """The address of the article at the gateway."""
    url = public_gateway + urlsplit(article).path
    shop.patch({"route": ROUTE})
    wait_until(lambda: _is_served(world, url), READY_SECONDS, "the gateway leads to the shop")
    yield url
    shop.patch({"route": None, "rollout": NO_TRIAL})
    # Else the next test may take the route that is on its way out for its own.
    wait_until(lambda: not _is_served(world, url), READY_SECONDS, "the gateway has forgotten it")


def _is_served(world: World, url: str) -> bool:
    with world.load.send(url, STEADY) as traffic:
        return traffic.stop().failures == {}


def test_a_good_release_goes_by_exact_weights_and_loses_no_request(
    world: World, shop: HeadlessCms, public_article: str, next_image: str
) -> None:
    old = shop.stable()
    with ExitStack() as loads:
        traffic = loads.enter_context(world.load.send(public_article, BUSY))
        shop.patch({"image": next_image, "rollout": canary(STEPS)})
        new = paused_at(shop, TESTERS)
        # The gateway accepts a route a moment before its proxy goes by it.
        wait_until(
            lambda: who_answers(world, public_article, "candidate") == {new}, 60, "testers reach it"
        )
        header = f"X-HCMS-Revision: {new}"
        session = loads.enter_context(world.load.send(public_article, STEADY, header))
        answers(traffic)
        assert set(traffic.now.revisions) == {old}, "nobody but testers has reached the candidate"

        promote(shop, new, TESTERS)
        paused_at(shop, FEW)
        assert_shares(answers(traffic), {old: 80, new: 20})
        assert who_answers(world, public_article, old) == {old}, "an editor's session stays"
        assert who_answers(world, public_article, new) == {new}

        promote(shop, new, FEW)
        paused_at(shop, HALF)
        assert_shares(answers(traffic), {old: 50, new: 50})
        # Half of the readers, and the session.
        share = 100 * (BUSY.rate / 2 + STEADY.rate) / (BUSY.rate + STEADY.rate)
        wait_until(lambda: abs(observed_weight(shop) - share) <= 10, 60, "the pods count the same")

        promote(shop, new, HALF)
        wait_until(lambda: shop.stable() == new, READY_SECONDS, "the new revision is stable")
        wait_until_alone(shop)
        assert set(answers(traffic)) == {new}
        report, pinned = traffic.stop(), session.stop()
    assert report.failures == {}
    assert set(report.revisions) == {old, new}
    assert (pinned.failures, set(pinned.revisions)) == ({}, {new}), "from its first pod to its last"


def test_a_bad_release_fails_within_its_weight_until_it_is_taken_back(
    world: World, misbehaving: Callable[[Fault], str], shop: HeadlessCms, public_article: str
) -> None:
    bad = misbehaving(Fault.ERRORS)
    image, old = shop.found()["spec"]["image"], shop.stable()
    with world.load.send(public_article, BUSY) as traffic:
        shop.patch({"image": bad, "rollout": {**canary(TRIAL), "analysis": SOON}})
        wait_until_taken_back(shop, "AnalysisFailed")
        wait_until_alone(shop)
        assert set(answers(traffic)) == {old}
        report = traffic.stop()
    candidate = shop.rollout()["revision"]
    assert shop.stable() == old
    assert report.lost == 0
    assert set(report.blamed) == {candidate}
    shop.patch({"image": image})
    wait_until(shop.is_ready, READY_SECONDS, "the stable spec is back")


def canary(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"strategy": "Canary", "canary": {"steps": steps}}


def paused_at(shop: HeadlessCms, step: int) -> str:
    """The candidate, when it waits there."""

    def there() -> str | None:
        found = shop.rollout()
        arrived = (found.get("currentStepIndex"), found.get("phase")) == (step, "Paused")
        return str(found["revision"]) if arrived else None

    return wait_until(there, READY_SECONDS, f"the rollout waits at step {step}")


def promote(shop: HeadlessCms, revision: str, step: int) -> None:
    shop.ask("promote", f"{revision}:{step}")


def observed_weight(shop: HeadlessCms) -> int:
    return int(shop.rollout().get("observedWeight", 0))


def answers(traffic: Traffic) -> Counter[str]:
    """The answers to the next SAMPLE requests and some more, by revision."""

    def more(count: int) -> Counter[str]:
        wanted = traffic.now.requests + count
        wait_until(lambda: traffic.now.requests >= wanted, 120, f"{count} more requests")
        return Counter(traffic.now.revisions)

    # The generator reports twice a second: one report may hold what was sent before.
    before = more(int(BUSY.rate))
    return more(SAMPLE) - before


def assert_shares(found: Counter[str], percent: dict[str, int]) -> None:
    """Near the weights, as counts of independent draws would be."""
    total = found.total()
    for revision, weight in percent.items():
        share = weight / 100
        spread = DEVIATIONS * sqrt(total * share * (1 - share))
        assert abs(found[revision] - total * share) <= spread, (found, percent)


def who_answers(world: World, url: str, revision: str) -> set[str]:
    """Those who send the header."""
    with world.load.send(url, STEADY, f"X-HCMS-Revision: {revision}") as traffic:
        wait_until(lambda: traffic.now.requests >= STEADY.rate, 60, "some answers")
        report = traffic.stop()
    assert report.failures == {}
    return set(report.revisions)
