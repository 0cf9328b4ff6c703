"""Places for many tenants: one cannot keep the others out, and alone it may have all."""

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.postgres.places import NoPlaceError, Places, Tenant
from tests.support.clock import Clock

SIZE, KEPT, WAITING = 20, 2, 200
BIG, SMALL, OTHER = 1, 2, 3


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def places(clock: Clock) -> Places:
    return Places(SIZE, WAITING, clock)


def take_all(places: Places, tenant: Tenant) -> int:
    """How many it got."""
    count = 0
    while places.take(tenant):
        count += 1
    return count


def use_once(places: Places, *tenants: int) -> None:
    for tenant in tenants:
        assert places.take(tenant)
        places.release(tenant)


async def waiting(places: Places, tenant: Tenant, count: int) -> list[asyncio.Task[None]]:
    assert not places.take(tenant)
    tasks = [asyncio.create_task(places.wait(tenant, None)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def served(*tasks: asyncio.Task[None]) -> int:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return sum(task.done() for task in tasks)


def test_a_tenant_alone_may_have_all_but_what_is_kept_for_the_service(places: Places) -> None:
    assert take_all(places, BIG) == SIZE - KEPT
    assert take_all(places, None) == KEPT


def test_a_tenant_that_the_others_left_may_have_all_again(places: Places, clock: Clock) -> None:
    use_once(places, SMALL, BIG)
    assert take_all(places, BIG) == (SIZE - KEPT) // 2
    clock.now += 60
    assert take_all(places, BIG) == (SIZE - KEPT) // 2


@pytest.mark.parametrize("greedy", [1, 2, 3, 4])
def test_however_much_some_ask_the_next_one_finds_a_place(places: Places, greedy: int) -> None:
    use_once(places, *range(10))
    for tenant in range(10, 10 + greedy):
        assert take_all(places, tenant)
    assert places.take(SMALL)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_a_small_pool_serves_all_too(size: int) -> None:
    places = Places(size, WAITING, Clock())
    use_once(places, SMALL, BIG)
    assert take_all(places, BIG) == (size + 1) // 2


async def test_tenants_that_wait_take_turns(places: Places) -> None:
    take_all(places, BIG)
    big = await waiting(places, BIG, 50)
    small = await waiting(places, SMALL, 2)
    places.release(BIG)
    assert (await served(*big), await served(*small)) == (0, 1), "the tenant with fewer"
    for _ in range(2):
        places.release(BIG)
    assert (await served(*big), await served(*small)) == (0, 2)
    for task in (*big, *small):
        task.cancel()
    await asyncio.gather(*big, *small, return_exceptions=True)


async def test_within_a_tenant_who_came_first_is_first(places: Places) -> None:
    held = take_all(places, BIG)
    first, second = await waiting(places, BIG, 2)
    places.release(BIG)
    await served(first)
    assert (first.done(), second.done()) == (True, False)
    assert not places.take(BIG), "who has come just now does not overtake"
    for _ in range(held):
        places.release(BIG)
    await second


async def test_the_services_own_work_waits_for_no_tenant(places: Places) -> None:
    take_all(places, BIG)
    take_all(places, None)
    big = await waiting(places, BIG, 1)
    own = await waiting(places, None, 1)
    places.release(BIG)
    assert (await served(*own), await served(*big)) == (1, 0)
    big[0].cancel()
    await asyncio.gather(*big, return_exceptions=True)


async def test_a_tenant_leaves_room_for_others_to_wait(places: Places) -> None:
    take_all(places, BIG)
    big = await waiting(places, BIG, 500)
    assert await served(*big) == 500 - WAITING
    small = await waiting(places, SMALL, 1)
    assert await served(*small) == 0
    for task in (*big, *small):
        task.cancel()
    await asyncio.gather(*big, *small, return_exceptions=True)


async def test_who_waits_for_too_long_is_refused_and_loses_no_place(places: Places) -> None:
    held = take_all(places, BIG)
    with pytest.raises(NoPlaceError):
        await places.wait(BIG, 0.001)
    assert places.waiting == 0
    for _ in range(held):
        places.release(BIG)
    assert take_all(places, BIG) == held


class Crowd:
    """What tenants do, and what they have of it."""

    def __init__(self, size: int) -> None:
        self.places = Places(size, 1000, Clock())
        self.held: Counter[Tenant] = Counter()
        self._asking: list[tuple[Tenant, asyncio.Task[None]]] = []

    def ask(self, tenant: Tenant) -> None:
        if self.places.take(tenant):
            self.held[tenant] += 1
        else:
            task = asyncio.create_task(self.places.wait(tenant, None))
            self._asking.append((tenant, task))

    def release(self, tenant: Tenant) -> None:
        if self.held[tenant]:
            self.held[tenant] -= 1
            self.places.release(tenant)

    def give_up(self, _: Tenant) -> None:
        if self._asking:
            self._asking[-1][1].cancel()

    async def settle(self) -> None:
        await served()
        self.held.update(
            tenant for tenant, task in self._asking if task.done() and not task.cancelled()
        )
        self._asking = [(tenant, task) for tenant, task in self._asking if not task.done()]

    async def leave(self) -> None:
        while self.held.total():
            for tenant in list(self.held.elements()):
                self.release(tenant)
            await self.settle()
        assert not self._asking, "everybody was served"


ACTS = st.tuples(
    st.sampled_from([Crowd.ask, Crowd.ask, Crowd.release, Crowd.give_up]),
    st.sampled_from([None, 1, 2, 3]),
    st.booleans(),
)


@given(st.integers(1, 20), st.lists(ACTS, max_size=60))
def test_no_place_is_lost_or_given_twice_and_everybody_is_served(
    size: int, acts: list[tuple[Callable[[Crowd, Tenant], None], Tenant, bool]]
) -> None:
    async def scenario() -> None:
        crowd = Crowd(size)
        for act, tenant, at_once in acts:
            act(crowd, tenant)
            if not at_once:
                await crowd.settle()
            assert crowd.held.total() <= size
        await crowd.settle()
        await crowd.leave()
        assert take_all(crowd.places, None) == size

    asyncio.run(scenario())
