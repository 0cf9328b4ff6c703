"""Caches stay within bounds, ask once, and never answer with what is too old."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.caching.body_cache import Body, BodyCache, CacheKey, MemoryCache
from cms_service.core.caching.lru import Weighed, keep
from cms_service.core.caching.single_flight import SingleFlight
from cms_service.core.errors import Unavailable
from cms_service.core.telemetry.metrics import Metrics
from cms_service.tenants.changes import Changes
from cms_service.tenants.directory import AHEAD_SECONDS, FRESH_SECONDS, Found, TenantDirectory
from cms_service.tenants.known import Generations, KnownTenants, key_of
from cms_service.tenants.schemas import DeliveryAccess, TenantState
from tests.support.clock import Clock

TENANT = UUID(int=1)
STALE_SECONDS = 3600.0


def key(name: str) -> CacheKey:
    return CacheKey(TENANT, 1, name)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5000)), max_size=60))
def test_the_memory_cache_never_holds_more_than_it_may(writes: list[tuple[str, int]]) -> None:
    cache = MemoryCache(max_bytes=8000)
    for name, length in writes:
        cache.put(key(name), body := Body.of(b"x" * length), 0)
        held = cache.get(key(name))
        assert held is not None
        assert held.body == body
        assert cache.bytes_held <= 8000


def test_what_was_used_last_stays() -> None:
    cache = MemoryCache(max_bytes=3 * 1000)
    for name in "abc":
        cache.put(key(name), Body.of(b"x" * 400), 0)
    cache.get(key("a"))
    cache.put(key("d"), Body.of(b"x" * 400), 0)
    assert cache.get(key("b")) is None
    assert cache.get(key("a")) is not None


def test_a_body_larger_than_the_cache_is_not_kept() -> None:
    cache = MemoryCache(max_bytes=1000)
    cache.put(key("a"), Body.of(b"x" * 2000), 0)
    assert cache.get(key("a")) is None
    assert cache.bytes_held == 0


def test_tenants_generations_and_releases_never_share_a_key() -> None:
    keys = {CacheKey(UUID(int=t), g, n) for t in (1, 2) for g in (1, 2) for n in ("a", "b")}
    assert len({each.shared_by(release) for each in keys for release in ("", "x", "y")}) == 24


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 60)), max_size=60))
def test_what_is_weighed_is_within_its_bound_and_holds_the_newest(
    writes: list[tuple[str, int]],
) -> None:
    held: Weighed[str, int] = Weighed(100, lambda value: value)
    expected: dict[str, int] = {}  # the newest first
    for name, weight in writes:
        held.put(name, weight)
        newest = {name: weight} | {key: expected[key] for key in expected if key != name}
        totals = accumulate(newest.values())
        fits = dict(zip(newest, (total <= 100 for total in totals), strict=True))
        expected = {key: newest[key] for key in newest if fits[key]}
        assert {key: held.get(key) for key in reversed(newest)} == {
            key: expected.get(key) for key in newest
        }
        assert held.total == sum(expected.values())


def test_of_too_many_what_was_kept_longest_ago_goes() -> None:
    kept: OrderedDict[str, int] = OrderedDict()
    for number, name in enumerate("abcad"):
        keep(kept, name, number, 3)
    assert list(kept.items()) == [("c", 2), ("a", 3), ("d", 4)]


class Work:
    """Goes on when it is told to, and counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        await self.go_on.wait()
        return 42


async def test_work_that_many_want_is_done_once() -> None:
    joined: list[str] = []
    flight: SingleFlight[int] = SingleFlight(lambda: joined.append("joined"))
    work = Work()
    callers = [asyncio.create_task(flight.run("key", work)) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(flight) == 1
    work.go_on.set()
    assert await asyncio.gather(*callers) == [42, 42, 42]
    assert work.begun == 1
    assert len(joined) == 2
    assert len(flight) == 0


@pytest.mark.parametrize("leaving", [(0,), (1,), (0, 1)], ids=str)
async def test_callers_who_give_up_leave_the_work_to_those_who_wait(
    leaving: tuple[int, ...],
) -> None:
    flight: SingleFlight[int] = SingleFlight()
    work = Work()
    callers = [asyncio.create_task(flight.run("key", work)) for _ in range(4)]
    await asyncio.sleep(0)
    for number in leaving:
        callers[number].cancel()
    for _ in range(2):  # they leave; another one begins
        await asyncio.sleep(0)
    work.go_on.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [number for number, result in enumerate(results) if result != 42] == [*leaving]
    assert work.begun == (2 if 0 in leaving else 1)
    assert len(flight) == 0


async def test_a_failure_is_everyones_and_the_next_call_tries_again() -> None:
    flight: SingleFlight[int] = SingleFlight()
    outcomes: Iterator[ValueError | int] = iter([ValueError("broken"), 1])

    async def work() -> int:
        await asyncio.sleep(0)
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    results = await asyncio.gather(
        flight.run("key", work), flight.run("key", work), return_exceptions=True
    )
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert await flight.run("key", work) == 1


class Tenants:
    """The rows of the database, at the edge of the directory. It tells of all of them as changed,
    each in a transaction that is called as its generation.
    """

    def __init__(self) -> None:
        self.generations = {"acme": 1, "globex": 1}
        self.asked: list[list[str]] = []
        self.asked_for_changes = 0
        self.away = False
        self.before_answer: Callable[[], None] = lambda: None

    async def states(self, names: list[str]) -> Found:
        self.asked.append(names)
        if self.away:
            raise Unavailable("away")
        answer = {name: self._state(name) for name in names if name in self.generations}
        self.before_answer()
        await asyncio.sleep(0)
        return Found(self._history, answer)

    async def changes(self, _since: str | None) -> Changes:
        self.asked_for_changes += 1
        if self.away:
            raise Unavailable("away")
        changed = {key_of(_id(name)): str(now) for name, now in self.generations.items()}
        await asyncio.sleep(0)
        return Changes(self._history, "1", changed)

    @property
    def _history(self) -> str:
        return ",".join(self.generations)

    def _state(self, name: str) -> TenantState:
        return TenantState(
            access_generation=0,
            types_generation=0,
            id=_id(name),
            name=name,
            delivery_access=DeliveryAccess.PUBLIC,
            generation=self.generations[name],
        )


def _id(name: str) -> UUID:
    return UUID(bytes=name.encode().ljust(16))


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
def clock() -> Clock:
    return Clock(100.0)


@pytest.fixture
def directory(tenants: Tenants, clock: Clock) -> TenantDirectory:
    return TenantDirectory(tenants, clock, STALE_SECONDS)


async def generation(directory: TenantDirectory, name: str = "acme", at_least: int = 0) -> int:
    found = await directory.look_up(name, at_least)
    assert found.state is not None
    return found.state.generation


async def test_tenants_wanted_at_once_are_asked_for_at_once(
    directory: TenantDirectory, tenants: Tenants
) -> None:
    names = ["acme", "globex", "nobody", "acme"]
    found = await asyncio.gather(*(directory.look_up(name) for name in names))
    assert [lookup.state is not None for lookup in found] == [True, True, False, True]
    assert tenants.asked == [["acme", "globex", "nobody"]]


async def test_an_answer_is_used_for_half_a_second(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    assert await generation(directory) == 1
    tenants.generations["acme"] = 2
    clock.now += FRESH_SECONDS * 0.99
    assert await generation(directory) == 1
    clock.now += FRESH_SECONDS * 0.02
    assert await generation(directory) == 2


async def test_an_answer_in_use_is_asked_for_anew_before_it_is_too_old(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    clock.now += (AHEAD_SECONDS + FRESH_SECONDS) / 2
    assert await generation(directory) == 1
    tenants.generations["acme"] = 2
    await asyncio.sleep(0.01)
    clock.now += FRESH_SECONDS * 0.99
    assert await generation(directory) == 2
    assert (tenants.asked, tenants.asked_for_changes) == ([["acme"]] * 2, 2)


async def test_nobody_hears_of_an_answer_that_failed_ahead_of_time(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    tenants.away = True
    for seconds in (AHEAD_SECONDS * 1.1, (FRESH_SECONDS - AHEAD_SECONDS) / 4):
        clock.now += seconds
        assert not (await directory.look_up("acme")).stale
        await asyncio.sleep(0.01)
    assert (tenants.asked, tenants.asked_for_changes) == ([["acme"]], 2)


async def test_a_reader_who_knows_of_a_write_is_never_answered_from_before_it(
    directory: TenantDirectory, tenants: Tenants
) -> None:
    assert await generation(directory) == 1
    tenants.generations["acme"] = 2
    assert await generation(directory, at_least=2) == 2


async def test_a_write_during_a_question_is_not_hidden_by_its_late_answer(
    directory: TenantDirectory, tenants: Tenants
) -> None:
    def write() -> None:
        tenants.before_answer = lambda: None
        tenants.generations["acme"] = 2
        directory.note_write("acme", 2)

    tenants.before_answer = write
    await generation(directory)  # its answer was made before the write
    assert await generation(directory) == 2


async def test_a_promise_that_the_database_does_not_know_costs_two_questions_not_more(
    directory: TenantDirectory, tenants: Tenants
) -> None:
    assert await generation(directory, at_least=10**15) == 1
    assert len(tenants.asked) == 2


async def test_made_up_names_push_no_tenant_out(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    for start in range(0, 12_000, 500):
        made_up = (directory.look_up(f"nobody-{start + n}") for n in range(500))
        assert not any(lookup.state for lookup in await asyncio.gather(*made_up))
    tenants.away = True
    clock.now += FRESH_SECONDS
    assert (await directory.look_up("acme")).stale


async def test_a_tenant_that_is_made_or_goes_is_known_as_what_it_became(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    for generations, is_there in (({}, False), ({"acme": 1}, True), ({}, False)):
        tenants.generations = generations
        clock.now += FRESH_SECONDS
        for _ in range(2):
            assert ((await directory.look_up("acme")).state is not None) is is_there


async def test_with_the_database_away_what_is_known_is_stale_and_what_is_not_fails(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    tenants.away = True
    clock.now += FRESH_SECONDS
    for _ in range(3):
        assert (await directory.look_up("acme")).stale
    # Both questions while there, once in vain, then a pause.
    assert (tenants.asked, tenants.asked_for_changes) == ([["acme"]], 2)
    with pytest.raises(Unavailable):
        await directory.look_up("globex")
    with pytest.raises(Unavailable):
        await directory.find("acme")

    tenants.away = False
    assert (await directory.look_up("acme")).stale
    assert await directory.find("acme") is not None
    clock.now += 1
    assert not (await directory.look_up("acme")).stale


async def test_a_reader_who_is_owed_more_than_what_is_known_gets_nothing_stale(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    tenants.away = True
    clock.now += FRESH_SECONDS
    assert (await directory.look_up("acme", 1)).stale
    with pytest.raises(Unavailable):
        await directory.look_up("acme", 2)


async def test_what_is_known_is_shown_for_a_bounded_time_only(
    directory: TenantDirectory, tenants: Tenants, clock: Clock
) -> None:
    await generation(directory)
    tenants.away = True
    clock.now += STALE_SECONDS
    assert (await directory.look_up("acme")).stale
    clock.now += 1
    with pytest.raises(Unavailable):
        await directory.look_up("acme")


class NoRedis:
    """A Redis that holds nothing."""

    async def get(self, *_: object) -> None:
        pass

    def put(self, *_: object) -> None:
        pass


@pytest.fixture
def answers(clock: Clock) -> BodyCache:
    redis: Any = NoRedis()
    return BodyCache(redis, Metrics(""), clock, "release", STALE_SECONDS)


OLD, NEW = CacheKey(TENANT, 1, "a"), CacheKey(TENANT, 2, "a")


async def ask(answers: BodyCache, key: CacheKey, content: bytes) -> bytes:
    """What is held, or `content` of the database."""

    async def load() -> bytes:
        return content

    body = answers.peek(key, confirmed=True) or await answers.fill(key, load)
    assert body is not None
    return body.content


async def test_of_an_answer_the_newest_generation_is_held(answers: BodyCache, clock: Clock) -> None:
    written = asyncio.Event()

    async def load() -> bytes:
        await written.wait()
        return b"old"

    late = asyncio.create_task(answers.fill(OLD, load))
    await asyncio.sleep(0)
    clock.now += 1
    assert await ask(answers, NEW, b"new") == b"new"
    written.set()
    await late
    assert await ask(answers, NEW, b"not asked for") == b"new"


async def test_after_a_restore_what_is_there_is_held_and_shown_and_not_what_was_lost(
    answers: BodyCache, clock: Clock
) -> None:
    assert await ask(answers, NEW, b"lost") == b"lost"
    clock.now += 60
    assert await ask(answers, OLD, b"restored") == b"restored"
    assert await ask(answers, OLD, b"not asked for") == b"restored"
    last = answers.last(OLD, promised=0)
    assert last is not None
    assert last.content == b"restored"


async def test_an_answer_is_shown_for_a_bounded_time_after_it_was_last_known_to_be_right(
    answers: BodyCache, clock: Clock
) -> None:
    await ask(answers, NEW, b"new")
    for confirmed in (True, False):
        clock.now += STALE_SECONDS
        assert answers.last(OLD, promised=2) is not None
        assert answers.last(NEW, promised=3) is None
        assert answers.peek(NEW, confirmed=confirmed) is not None
    clock.now += 1
    assert answers.last(NEW, promised=2) is None


def test_of_content_and_of_access_a_pod_knows_the_newest_that_it_wrote() -> None:
    known = KnownTenants()
    for written in (Generations(content=5), Generations(access=3), Generations(content=4)):
        known.note("acme", written)
    assert known.written("acme") == Generations(content=5, access=3)
