"""Connections are shared, bounded, and never used again when their state is not known."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.postgres.pool import Pool

SIZE, WAITING = 3, 30


class Connection:
    """What the pool needs to know of one."""

    def __init__(self) -> None:
        self.closed = False
        self.in_transaction = False
        self.silent = False

    def is_closed(self) -> bool:
        return self.closed

    def is_in_transaction(self) -> bool:
        return self.in_transaction

    def terminate(self) -> None:
        self.closed = True

    async def execute(self, _: str, *, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg has it
        assert timeout
        await asyncio.sleep(0)
        if self.silent:
            raise TimeoutError

    async def close(self, *, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg has it
        assert timeout
        if not self.closed:
            await asyncio.sleep(timeout if self.silent else 0)
        self.closed = True


class Server:
    def __init__(self) -> None:
        self.made: list[Connection] = []
        self.away = False

    async def connect(self) -> Connection:
        await asyncio.sleep(0)
        if self.away:
            raise ConnectionRefusedError
        self.made.append(Connection())
        return self.made[-1]

    @property
    def open(self) -> int:
        return sum(not connection.closed for connection in self.made)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def pool(server: Server) -> AsyncIterator[Pool]:
    pool = Pool(server.connect, SIZE, WAITING, 300)
    yield pool
    await pool.close(0)


async def test_a_connection_is_used_again(server: Server, pool: Pool) -> None:
    for error in (None, asyncpg.UniqueViolationError("taken"), ValueError("ours")):
        pool.release(await pool.acquire(), error)
    assert len(server.made) == 1
    assert (pool.used, pool.idle) == (0, 1)


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.InterfaceError("another operation is in progress"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    ],
)
async def test_one_whose_statement_ended_in_the_middle_or_met_a_standby_is_not(
    pool: Pool, error: BaseException
) -> None:
    first = await pool.acquire()
    pool.release(first, error)
    assert await pool.acquire() is not first
    assert first.closed or pool.used == 2


async def test_one_that_was_closed_or_left_in_a_transaction_is_not(pool: Pool) -> None:
    first, second = await pool.acquire(), await pool.acquire()
    first.closed = True
    second.in_transaction = True
    pool.release(first, None)
    pool.release(second, None)
    third = await pool.acquire()
    assert third not in (first, second)
    pool.release(third, None)
    third.closed = True  # by the server, while nobody uses it
    assert await pool.acquire() is not third


async def test_one_of_old_credentials_is_not(pool: Pool) -> None:
    used, unused = await pool.acquire(), await pool.acquire()
    pool.release(unused, None)
    pool.expire()
    assert unused.closed
    pool.release(used, None)
    assert await pool.acquire() not in (used, unused)


async def test_one_that_was_being_made_with_old_credentials_is_not(pool: Pool) -> None:
    making = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    pool.expire()
    pool.release(first := await making, None)
    assert await pool.acquire() is not first


async def test_one_that_has_served_long_enough_is_not(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.release(first := await pool.acquire(), None)
    monkeypatch.setattr("cms_service.core.postgres.pool._MAX_AGE_SECONDS", 0)
    assert await pool.acquire() is first
    pool.release(first, None)
    assert await pool.acquire() is not first


SILENT_ENDS = [TimeoutError(), asyncio.CancelledError()]


async def fallen_silent(pool: Pool, end: BaseException) -> list[Connection]:
    """One that a use has met so, and the others, which nobody uses."""
    met, *others = [await pool.acquire() for _ in range(SIZE)]
    for other in others:
        pool.release(other, None)
    await asyncio.sleep(0.01)  # so that the clock has moved
    pool.release(met, end)
    await asyncio.sleep(0.01)  # it ends
    return [met, *others]


@pytest.mark.parametrize("end", SILENT_ENDS, ids=repr)
async def test_when_one_falls_silent_and_so_does_the_next_the_others_are_not_tried(
    server: Server, pool: Pool, end: BaseException
) -> None:
    met, *others = await fallen_silent(pool, end)
    for other in others:
        other.silent = True
    assert await pool.acquire() not in (met, *others)
    assert all(other.closed for other in others)
    assert (server.open, pool.idle) == (1, 0)


@pytest.mark.parametrize("end", SILENT_ENDS, ids=repr)
async def test_when_one_falls_silent_those_that_answer_stay(
    server: Server, pool: Pool, end: BaseException
) -> None:
    _, *others = await fallen_silent(pool, end)
    assert [await pool.acquire() for _ in others] == others[::-1]
    assert len(server.made) == SIZE


async def test_one_that_has_had_its_time_to_answer_gets_none_to_say_goodbye(pool: Pool) -> None:
    held = [await pool.acquire() for _ in range(SIZE)]
    held[0].silent = True
    pool.release(held[0], TimeoutError())
    assert await pool.acquire(wait_seconds=1) not in held


async def test_who_gives_up_on_one_that_is_silent_leaves_no_place_behind(
    server: Server, pool: Pool
) -> None:
    _, *others = await fallen_silent(pool, TimeoutError())
    asking = asyncio.ensure_future(pool.acquire())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert all(other.closed for other in others)
    assert len({await pool.acquire() for _ in range(SIZE)}) == SIZE
    assert server.open == SIZE


async def test_whoever_waits_gets_the_next_that_is_free_and_may_give_up(pool: Pool) -> None:
    held = [await pool.acquire() for _ in range(SIZE)]
    impatient, patient = [asyncio.ensure_future(pool.acquire()) for _ in range(2)]
    await asyncio.sleep(0)
    impatient.cancel()
    pool.release(held[0], None)
    assert await patient is held[0]


async def test_a_place_outlives_a_failure_to_connect(server: Server, pool: Pool) -> None:
    server.away = True
    for _ in range(2 * SIZE):
        with pytest.raises(ConnectionRefusedError):
            await pool.acquire()
    server.away = False
    assert len({await pool.acquire() for _ in range(SIZE)}) == SIZE


async def test_connections_that_nobody_needs_end(server: Server) -> None:
    pool = Pool(server.connect, SIZE, WAITING, 0)
    pool.release(await pool.acquire(), None)
    async with asyncio.timeout(10):
        while server.open:  # noqa: ASYNC110 - the loop's clock goes on meanwhile
            await asyncio.sleep(0)
    assert pool.idle == 0


async def test_the_end_waits_for_those_in_use_but_not_for_ever(pool: Pool) -> None:
    quick, slow = await pool.acquire(), await pool.acquire()
    ending = asyncio.ensure_future(pool.close(0.01))
    await asyncio.sleep(0)
    pool.release(quick, None)
    await ending
    assert (quick.closed, slow.closed) == (True, True)
    pool.release(slow, None)
    with pytest.raises(ConnectionError):
        await pool.acquire()


ENDS = st.sampled_from([None, ValueError(), TimeoutError(), asyncio.CancelledError()])


@given(st.lists(st.tuples(st.integers(0, SIZE - 1), ENDS), max_size=30))
def test_there_are_never_more_than_may_be_and_none_is_lost(
    uses: list[tuple[int, BaseException | None]],
) -> None:
    async def scenario() -> None:
        server = Server()
        pool = Pool(server.connect, SIZE, WAITING, 300)
        held: dict[int, Connection] = {}
        for place, end in uses:
            if place in held:
                pool.release(held.pop(place), end)
            else:
                held[place] = await pool.acquire()
            assert server.open <= SIZE
            assert len(set(held.values())) == len(held)
        for connection in held.values():
            pool.release(connection, None)
        assert len({await pool.acquire() for _ in range(SIZE)}) == SIZE

    asyncio.run(scenario())
