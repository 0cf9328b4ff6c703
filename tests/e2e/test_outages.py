"""A database or a cache that is away is no fault of a release."""

from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.traffic import STEADY
from demo.waiting import wait_until
from tests.e2e.world import DATASTORES, READY_SECONDS, World

AWAY_SECONDS = 25
TRIAL = {
    "strategy": "Canary",
    "canary": {"steps": [{"setWeight": 50}, {"pause": {}}]},
    "analysis": {"intervalSeconds": 5, "warmUpSeconds": 5},
    # The image may be one that the shop has had: all the same it gets its steps.
    "rollbackWindow": {"revisions": 0},
}
NO_TRIAL = {"strategy": "RollingUpdate", **dict.fromkeys(("canary", "analysis", "rollbackWindow"))}


@pytest.mark.parametrize("store", DATASTORES)
def test_what_both_revisions_lose_in_the_middle_of_an_analysis_takes_nothing_back(
    world: World, shop: HeadlessCms, article: str, next_image: str, store: str
) -> None:
    old = shop.found()["status"]["stableRevision"]
    with world.load.send(article, STEADY) as traffic:
        shop.patch({"image": next_image, "rollout": TRIAL})
        wait_until(lambda: measurements(shop) > 1, READY_SECONDS, "the candidate is measured")
        new = rollout_of(shop)["revision"]
        world.keep_away(store, AWAY_SECONDS)
        answered = traffic.now.requests - traffic.now.failed
        back = answered + 200
        wait_until(
            lambda: traffic.now.requests - traffic.now.failed > back, READY_SECONDS, "it is back"
        )
        seen = measurements(shop)
        wait_until(lambda: measurements(shop) > seen + 2, READY_SECONDS, "it is measured on")
    assert (rollout_of(shop)["revision"], rollout_of(shop)["phase"]) == (new, "Paused")
    world.kubectl(
        "annotate", "hcms", shop.name, "-n", world.namespace, "--overwrite",
        f"headlesscms.io/promote-full={new}:{store}",
    )  # fmt: skip
    wait_until(
        lambda: shop.found()["status"]["stableRevision"] == new != old, READY_SECONDS, "it passes"
    )
    shop.patch({"rollout": NO_TRIAL})


def rollout_of(shop: HeadlessCms) -> dict[str, Any]:
    return dict(shop.found()["status"].get("rollout", {}))


def measurements(shop: HeadlessCms) -> int:
    return int(rollout_of(shop).get("analysis", {}).get("measurements", 0))
