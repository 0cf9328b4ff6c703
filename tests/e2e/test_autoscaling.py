"""Capacity follows the load."""

from collections.abc import Iterator
from typing import Any

import pytest

from demo.headless_cms import HeadlessCms
from demo.traffic import Pace
from demo.waiting import wait_until
from tests.e2e.world import READY_SECONDS, World

# metrics-server measures every 15 s, the autoscaler looks every 15 s.
SCALING_SECONDS = 180
# Some hundredths of a core for each pod: enough to ask for another one, not to fill the machine.
BUSY = Pace(connections=16, rate=500)


@pytest.fixture
def autoscaled_shop(world: World, shop: HeadlessCms) -> Iterator[HeadlessCms]:
    shop.patch(
        {
            "autoscaling": {
                "minReplicas": 2,
                "maxReplicas": 3,
                "targetCPUUtilizationPercentage": 50,
                "targetMemoryUtilizationPercentage": 0,
            }
        }
    )
    wait_until(shop.is_ready, READY_SECONDS, "Ready with the autoscaler")
    yield shop
    shop.patch({"autoscaling": None})
    # As long as it is there, it puts its own number back.
    wait_until(lambda: not autoscalers(world, shop), READY_SECONDS, "the autoscaler is gone")
    shop.patch({"replicas": 2})
    wait_until(lambda: len(shop.pods()) == 2, READY_SECONDS, "two pods again")


def autoscalers(world: World, shop: HeadlessCms) -> list[dict[str, Any]]:
    return world.kubectl.items("horizontalpodautoscalers", world.namespace, shop.selector)


def test_the_autoscaler_adds_a_pod_under_load(
    world: World, autoscaled_shop: HeadlessCms, article: str
) -> None:
    with world.load.send(article, BUSY) as traffic:
        wait_until(
            lambda: autoscaled_shop.found()["spec"]["replicas"] == 3,
            SCALING_SECONDS,
            "the autoscaler asks for a third pod",
        )
        wait_until(
            lambda: len(autoscaled_shop.serving_pods()) == 3, READY_SECONDS, "the third pod serves"
        )
        report = traffic.stop()
    assert report.failures == {}
