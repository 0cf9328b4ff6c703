"""A database or a cache that is away is no fault of a release."""

import pytest

from demo.headless_cms import HeadlessCms
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import DATASTORES, NO_TRIAL, READY_SECONDS, TRIAL, World

AWAY_SECONDS = 25


@pytest.mark.parametrize("store", DATASTORES)
def test_what_both_revisions_lose_in_the_middle_of_an_analysis_takes_nothing_back(
    world: World, shop: HeadlessCms, article: str, next_image: str, store: str
) -> None:
    old = shop.stable()
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image, "rollout": TRIAL})
        new = wait_until(lambda: measured(shop, old), READY_SECONDS, "the candidate is measured")
        world.keep_away(store, AWAY_SECONDS)
        answered = traffic.now.requests - traffic.now.failed
        back = answered + 200
        wait_until(
            lambda: traffic.now.requests - traffic.now.failed > back, READY_SECONDS, "it is back"
        )
        seen = measurements(shop)
        wait_until(lambda: measurements(shop) > seen + 2, READY_SECONDS, "it is measured on")
    assert (shop.rollout()["revision"], shop.rollout()["phase"]) == (new, "Paused")
    shop.ask("promote-full", f"{new}:{store}")
    wait_until(lambda: shop.stable() == new != old, READY_SECONDS, "it passes")
    shop.patch({"rollout": NO_TRIAL})


def measured(shop: HeadlessCms, old: str) -> str | None:
    """The candidate, once there are measurements of it and not of a rollout before."""
    new = str(shop.rollout().get("revision", old))
    return new if new != old and measurements(shop) > 1 else None


def measurements(shop: HeadlessCms) -> int:
    return int(shop.rollout().get("analysis", {}).get("measurements", 0))
