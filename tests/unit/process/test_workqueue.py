"""The queue of keys, on a clock of the test's own."""

import asyncio
import tracemalloc

import pytest

from cms_operator.workqueue import (
    LONGEST_DELAY_SECONDS,
    LONGEST_REST_SECONDS,
    TIMES_AS_LONG,
    WorkQueue,
)
from tests.support.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock, lambda: 1.0, most_routine=1)


def test_ten_events_of_one_object_are_one_reconcile(queue: WorkQueue[str]) -> None:
    for _ in range(10):
        queue.add("shop")
    assert queue.depth() == 1


def test_it_tells_what_waits_and_what_is_worked_on(queue: WorkQueue[str]) -> None:
    for key in ("shop", "blog", "wiki"):
        queue.add(key)
    queue.take()
    assert (queue.depth(), queue.working()) == (2, 1)
    queue.done("shop")
    assert (queue.depth(), queue.working()) == (2, 0)


def test_a_change_during_a_reconcile_brings_another_one(queue: WorkQueue[str]) -> None:
    queue.add("shop")
    assert queue.take() == ("shop", 0)
    queue.add("shop")
    assert queue.take() is None, "one key is never worked on by two workers"
    queue.done("shop")
    assert queue.take() == ("shop", 0)


def work(queue: WorkQueue[str], clock: Clock, key: str, seconds: float) -> None:
    queue.add(key)
    assert queue.take() == (key, 0)
    clock.now += seconds
    queue.done(key)


@pytest.mark.parametrize("took", [0.05, 0.1, 10], ids="{} s".format)
def test_what_one_pass_brings_about_is_looked_at_together(
    queue: WorkQueue[str], clock: Clock, took: float
) -> None:
    work(queue, clock, "shop", took)
    over = clock.now + min(TIMES_AS_LONG * took, LONGEST_REST_SECONDS)
    begun = clock.now = clock.now + 0.01
    for event in range(5):
        clock.now = begun + event * 0.01
        queue.add("shop")
        assert queue.take() is None
    clock.now = over
    assert queue.take() == ("shop", over - begun)
    queue.done("shop")
    clock.now += LONGEST_REST_SECONDS
    assert queue.take() is None


def test_one_that_rests_holds_up_nobody_and_a_wish_does_not_shorten_it(
    queue: WorkQueue[str], clock: Clock
) -> None:
    work(queue, clock, "shop", 0.1)
    queue.add_routine("shop")
    queue.add("shop")
    queue.add_after("shop", 0)
    queue.add_routine("shop")
    work(queue, clock, "blog", 0)
    assert queue.take() is None
    clock.now += LONGEST_REST_SECONDS
    assert queue.take() == ("shop", LONGEST_REST_SECONDS)
    queue.done("shop")
    clock.now += LONGEST_REST_SECONDS
    assert queue.take() is None, "one pass is for all of them"


def test_what_happens_goes_before_what_is_only_looked_at_again(queue: WorkQueue[str]) -> None:
    queue.add_routine("calm")
    queue.add_routine("calm too")
    queue.add("shop")
    assert [queue.take(), queue.take()] == [("shop", 0), ("calm", 0)]


def test_a_worker_stays_free_while_all_are_looked_at_again(queue: WorkQueue[str]) -> None:
    queue.add_routine("calm")
    queue.add_routine("calm too")
    assert queue.take() == ("calm", 0)
    assert queue.take() is None, "one at a time, in this test"
    queue.add("shop")
    assert queue.take() == ("shop", 0)
    queue.done("calm")
    assert queue.take() == ("calm too", 0)


def test_something_that_happens_brings_a_key_of_routine_forward(
    queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add_routine("calm")
    queue.add_routine("shop")
    clock.now = 2
    queue.add("shop")
    assert queue.depth() == 2
    assert queue.oldest_age() == 2
    assert queue.take() == ("shop", 2)


async def test_a_worker_that_waits_gets_the_next_key_of_routine(queue: WorkQueue[str]) -> None:
    queue.add_routine("calm")
    queue.add_routine("calm too")
    await queue.get()
    waiting = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.done("calm")
    assert (await waiting)[0] == "calm too"


def test_the_wait_for_a_worker_is_told_in_seconds(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add("shop")
    clock.now = 3
    assert queue.oldest_age() == 3
    assert queue.take() == ("shop", 3)
    assert queue.oldest_age() == 0


def test_of_several_wishes_to_come_back_later_the_earliest_counts(
    queue: WorkQueue[str], clock: Clock
) -> None:
    queue.add_after("shop", 60)
    queue.add_after("shop", 20)
    queue.add_after("shop", 40)
    clock.now = 19
    assert queue.take() is None
    clock.now = 20
    assert queue.take() == ("shop", 0)
    queue.done("shop")
    clock.now = 100
    assert queue.take() is None


def test_an_event_takes_the_place_of_a_later_wish(queue: WorkQueue[str], clock: Clock) -> None:
    queue.add_after("shop", 60)
    queue.add("shop")
    assert queue.take() == ("shop", 0)
    queue.done("shop")
    clock.now = 61
    assert queue.take() is None


def test_memory_does_not_grow_while_releases_are_paused_for_days(
    queue: WorkQueue[str], clock: Clock
) -> None:
    """Each pass asks anew to come back at the end of the pause."""
    fleet, end = [f"cms-{number}" for number in range(50)], 3 * 86400.0

    def minutes(several: int) -> int:
        for _ in range(several):
            clock.now += 60
            for key in fleet:
                queue.add(key)
                queue.take()
                queue.add_after(key, end - clock.now)
                queue.done(key)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        first = minutes(100)
        assert minutes(300) < first + 50_000
    finally:
        tracemalloc.stop()
    clock.now = end
    assert {queue.take() for _ in fleet} == {(key, 0) for key in fleet}
    assert queue.take() is None


def test_failures_in_a_row_slow_down_to_a_bound_and_a_success_ends_the_row(
    queue: WorkQueue[str],
) -> None:
    delays = [queue.retry("shop") for _ in range(40)]
    assert delays[:4] == [0.5, 1.0, 2.0, 4.0]
    assert delays[-1] == LONGEST_DELAY_SECONDS
    queue.forget("shop")
    assert queue.retry("shop") == 0.5


def test_a_poisoned_object_does_not_slow_the_others(queue: WorkQueue[str]) -> None:
    for _ in range(10):
        queue.retry("poison")
    queue.add("shop")
    assert queue.take() == ("shop", 0)


async def test_a_waiting_worker_wakes_for_an_event_and_for_a_due_wish() -> None:
    queue: WorkQueue[str] = WorkQueue(asyncio.get_running_loop().time, lambda: 1.0)
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("shop")
    assert (await worker)[0] == "shop"
    worker = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add_after("blog", 0.01)
    assert (await worker)[0] == "blog"
