"""No failure of one HeadlessCMS slows or stops the others."""

import asyncio
import itertools
import time
from collections import Counter

import aiohttp
import pytest

from cms_operator.cluster.keys import Key
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import StaleReadError
from cms_operator.workers import LONGEST_AWAY_SECONDS, Workers
from cms_operator.workqueue import WorkQueue
from tests.support import virtual_time

GOOD, BAD = Key("team-a", "good"), Key("team-a", "bad")
PATIENCE = 60


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


async def test_one_that_is_due_at_once_again_and_again_leaves_others_their_turn() -> None:
    queue, others_turn, passes = make_queue(), asyncio.Event(), itertools.count(1)
    most = 1000

    async def reconcile(_: Key) -> float | None:
        return None if next(passes) >= most or others_turn.is_set() else 0.0

    workers = Workers(queue, reconcile, count=1)
    workers.start()
    queue.add(BAD)
    await asyncio.sleep(0)
    others_turn.set()
    await workers.stop()
    assert next(passes) < most


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


HOUR = 3600.0


@pytest.mark.parametrize(
    "failure",
    [
        ApiError(500, "InternalError", "etcd is away"),
        ApiError(503, "ServiceUnavailable", "later"),
        ApiError(429, "TooManyRequests", "later"),
        ApiError(401, "Unauthorized", "the token has expired"),
        TimeoutError(),
        aiohttp.ClientPayloadError(),
    ],
    ids=str,
)
def test_after_hours_without_a_server_every_object_is_reconciled_soon(failure: Exception) -> None:
    back = 2 * HOUR
    keys = [Key("team-a", f"shop-{number}") for number in range(20)]
    tries, well = Counter[Key](), set[Key]()

    async def reconcile(key: Key) -> float | None:
        tries[key] += 1
        if virtual_time.now() < back:
            raise failure
        well.add(key)
        return None

    async def run() -> None:
        queue: WorkQueue[Key] = WorkQueue(virtual_time.now, lambda: 1.0)
        workers = Workers(queue, reconcile, count=4)
        workers.start()
        for key in keys:
            queue.add(key)
        await asyncio.sleep(back)
        assert workers.alive()
        assert max(tries.values()) < 20 + back / LONGEST_AWAY_SECONDS
        await asyncio.sleep(LONGEST_AWAY_SECONDS)
        assert well == {*keys}
        assert queue.retry(keys[0]) < 1, "its failures are forgotten"
        await workers.stop()

    virtual_time.run(run())


def test_many_that_always_raise_do_not_slow_those_that_are_well() -> None:
    """A tenth is poison, each try of it takes a second, and events of all come all the time."""
    keys = [Key("team-a", f"shop-{number}") for number in range(200)]
    poison = {*keys[::10]}
    waits: list[float] = []
    added: dict[Key, float] = {}
    tries = Counter[bool]()

    async def reconcile(key: Key) -> float | None:
        tries[key in poison] += 1
        if key in poison:
            await asyncio.sleep(1)
            raise RuntimeError("poison")
        waits.append(virtual_time.now() - added[key])
        await asyncio.sleep(0.01)
        return None

    async def run() -> None:
        queue: WorkQueue[Key] = WorkQueue(virtual_time.now, lambda: 1.0, most_routine=2)
        workers = Workers(queue, reconcile, count=4)
        workers.start()
        for key in keys:
            added[key] = virtual_time.now()
            queue.add(key)
        await asyncio.sleep(60)
        for _ in range(100):
            for key in keys:
                if key not in poison:
                    added[key] = virtual_time.now()
                    queue.add(key)
            await asyncio.sleep(6)
        await workers.stop()

    virtual_time.run(run())
    assert len(waits) == 101 * 180
    assert max(waits[180:]) < 1.5
    assert tries[True] < 20 * 15, "each failure in a row is tried later"


def test_a_queue_with_all_of_a_fleet_in_it_takes_what_happens_first() -> None:
    """It holds a key once, however often it is added, and nothing that happens waits behind it."""
    queue: WorkQueue[Key] = WorkQueue(lambda: 0.0, lambda: 1.0, most_routine=4)
    fleet = [Key("team-a", f"shop-{number}") for number in range(5000)]
    for _ in range(20):
        for key in fleet:
            queue.add_routine(key)
            queue.add_after(key, 60)
    assert queue.depth() == len(fleet)
    for _ in range(4):
        assert queue.take()
    assert queue.take() is None, "the other workers stay free"
    queue.add(fleet[-1])
    taken = queue.take()
    assert taken is not None
    assert taken[0] == fleet[-1]
