"""No failure of one HeadlessCMS slows or stops the others."""

import asyncio
import time
from collections import Counter

import pytest

from cms_operator.cluster.apply import StaleReadError
from cms_operator.cluster.client import ApiError
from cms_operator.cluster.store import Key
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

GOOD, BAD = Key("team-a", "good"), Key("team-a", "bad")
PATIENCE = 10


def make_queue() -> WorkQueue[Key]:
    return WorkQueue(time.monotonic, lambda: 0.01)


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("a defect"),
        ApiError(500, "InternalError", "etcd is away"),
        StaleReadError("Deployment shop"),
        TimeoutError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_a_failure_is_tried_again_and_holds_up_nobody(failure: Exception) -> None:
    queue, tries, done = make_queue(), Counter[Key](), asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        tries[key] += 1
        if key == BAD and tries[key] < 3:
            raise failure
        if tries[BAD] == 3 and tries[GOOD]:
            done.set()
        return None

    workers = Workers(queue, reconcile, count=1)
    workers.start()
    queue.add(BAD)
    queue.add(GOOD)
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    assert workers.alive()
    assert queue.failures() == {}
    await workers.stop()
    assert tries == {GOOD: 1, BAD: 3}
    assert queue.retry(BAD) == queue.retry(GOOD), "its failures are forgotten"


async def test_an_object_that_others_go_on_changing_is_not_left_for_long() -> None:
    """The event that would bring it back earlier may be no news, and then nothing does."""
    delays: list[float] = []
    enough = asyncio.Event()

    class Queue(WorkQueue[Key]):
        def add_after(self, key: Key, seconds: float) -> None:
            delays.append(seconds)
            if len(delays) == 8:
                enough.set()
            super().add_after(key, 0)

    async def reconcile(_: Key) -> float | None:
        await asyncio.sleep(0)
        raise StaleReadError("Deployment shop")

    queue = Queue(time.monotonic, lambda: 1.0)
    workers = Workers(queue, reconcile, count=1)
    workers.start()
    queue.add(BAD)
    async with asyncio.timeout(PATIENCE):
        await enough.wait()
    await workers.stop()
    assert delays[:8] == [0.5, 1, 2, 2, 2, 2, 2, 2]


async def test_one_that_asks_for_it_is_looked_at_again() -> None:
    queue, looks, done = make_queue(), Counter[Key](), asyncio.Event()

    async def reconcile(key: Key) -> float | None:
        looks[key] += 1
        if looks[key] == 2:
            done.set()
            return None
        return 0.01

    workers = Workers(queue, reconcile, count=2)
    workers.start()
    queue.add(GOOD)
    async with asyncio.timeout(PATIENCE):
        await done.wait()
    await workers.stop()


async def test_stopped_workers_are_alive_no_longer() -> None:
    async def reconcile(_: Key) -> float | None:
        return None

    workers = Workers(make_queue(), reconcile, count=2)
    assert not workers.alive()
    workers.start()
    assert workers.alive()
    await workers.stop()
    assert not workers.alive()
