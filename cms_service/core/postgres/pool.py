"""Connections to one database: as many as may be, made when they are wanted and kept for a while.

asyncpg's own pool starts three tasks for each use of a connection, which costs several times what
a short statement does. Nothing has to be awaited here where a connection is at hand.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, NamedTuple

import asyncpg

from cms_service.core.postgres.places import Places, Tenant

# Given to a connection to end by itself: its statement may have to be cancelled before.
_CLOSE_SECONDS = 5.0

# The server's process for a connection grows with what it has seen.
_MAX_AGE_SECONDS = 3600.0

# What ends a statement in the middle, or says that there is nobody to talk to any more, or somebody
# else: a server that was the primary.
_BREAKING = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.ReadOnlySQLTransactionError,
)

# After these nobody knows whether the server was slow or is silent, and the other connections may
# be as dead: a failover or a gateway that forgets takes all of them.
UNANSWERED = (TimeoutError, asyncio.CancelledError)
# Given to one of them to show that it is not. Less than who asks for tenants would wait.
_SHOW_SECONDS = 1.0

Connection = Any  # asyncpg's, generic in a way that nobody here needs


class _Idle(NamedTuple):
    connection: Connection
    since: float


class Pool:
    """A place is held from before a connection is looked for or made until it is back or has ended,
    so that there are never more than `size`. The connection that was used last is used next: the
    others can go.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        size: int,
        waiting: int,
        idle_seconds: float,
    ) -> None:
        """`waiting`: how many may wait for a place."""
        self._connect = connect
        self._size = size
        self._idle_seconds = idle_seconds
        self._places = Places(size, waiting, time.monotonic)
        self._idle: deque[_Idle] = deque()
        self._used: dict[Connection, Tenant] = {}
        self._made_at: dict[Connection, float] = {}  # of those that may be used again
        self._expiries = 0
        self._doubted_until = float("-inf")  # of those that were heard of last before then
        self._ending: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None
        self._is_closing = False

    @property
    def idle(self) -> int:
        return len(self._idle)

    @property
    def used(self) -> int:
        return len(self._used) + len(self._ending)

    @property
    def waiting(self) -> int:
        return self._places.waiting

    async def acquire(self, tenant: Tenant = None, wait_seconds: float | None = None) -> Connection:
        """`tenant`: in whose share of the pool, if in any. Raises NoPlaceError, and what connecting
        raises.
        """
        if not self._places.take(tenant):
            await self._places.wait(tenant, wait_seconds)
        try:
            if self._is_closing:
                raise ConnectionError("the pool is closed")  # noqa: TRY301 - gives the place back
            connection = await self._take_whole()
            if connection is None:
                connection = await self._make()
        except BaseException:
            self._places.release(tenant)
            raise
        self._used[connection] = tenant
        return connection

    def release(self, connection: Connection, error: BaseException | None) -> None:
        """`error`: by what its use has ended, if by any."""
        tenant = self._used.pop(connection)
        loop = asyncio.get_running_loop()
        now = loop.time()
        if isinstance(error, UNANSWERED):
            self._doubted_until = now
        if isinstance(error, TimeoutError):
            connection.terminate()  # the server has had its time: others wait for the place
        if self._is_closing or not self._is_whole(connection, error, now):
            self._end(connection, tenant)
            return
        self._idle.append(_Idle(connection, now))
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._end_unused)
        self._places.release(tenant)

    def expire(self) -> None:
        """No connection that there is now is used again."""
        self._expiries += 1
        self._made_at.clear()
        while self._idle:
            self._drop(self._idle.pop())

    async def close(self, seconds: float) -> None:
        """Waits so long for those that are in use."""
        self._is_closing = True
        if self._sweep is not None:
            self._sweep.cancel()
        self.expire()
        try:
            async with asyncio.timeout(seconds):
                for _ in range(self._size):
                    if not self._places.take(None):
                        await self._places.wait(None, None)
        except TimeoutError:
            for connection in list(self._used):
                connection.terminate()

    async def _make(self) -> Connection:
        expiries = self._expiries
        connection = await self._connect()
        if expiries == self._expiries:
            self._made_at[connection] = asyncio.get_running_loop().time()
        return connection

    async def _take_whole(self) -> Connection | None:
        """One that nobody uses and that is not dead, as far as is known."""
        while (idle := self._take_idle()) is not None:
            if idle.since >= self._doubted_until or await self._shows_itself(idle):
                return idle.connection
        return None

    async def _shows_itself(self, idle: _Idle) -> bool:
        """Where one that is in doubt does not, the others are not waited for."""
        try:
            await idle.connection.execute("SELECT 1", timeout=_SHOW_SECONDS)
        except BaseException as error:
            self._drop(idle)
            while self._idle and self._idle[0].since < self._doubted_until:
                self._drop(self._idle.popleft())
            if not isinstance(error, Exception):
                raise
            return False
        return True

    def _take_idle(self) -> _Idle | None:
        while self._idle:
            idle = self._idle.pop()
            if not idle.connection.is_closed():
                return idle
            self._made_at.pop(idle.connection, None)
        return None

    def _is_whole(self, connection: Connection, error: BaseException | None, now: float) -> bool:
        if error is not None and (not isinstance(error, Exception) or isinstance(error, _BREAKING)):
            return False
        made_at = self._made_at.get(connection, float("-inf"))
        return (
            now - made_at < _MAX_AGE_SECONDS
            and not connection.is_closed()
            and not connection.is_in_transaction()
        )

    def _end_unused(self) -> None:
        loop = asyncio.get_running_loop()
        while self._idle and loop.time() - self._idle[0].since >= self._idle_seconds:
            self._drop(self._idle.popleft())
        self._sweep = None
        if self._idle:
            self._sweep = loop.call_at(self._idle[0].since + self._idle_seconds, self._end_unused)

    def _drop(self, idle: _Idle) -> None:
        self._made_at.pop(idle.connection, None)
        idle.connection.terminate()

    def _end(self, connection: Connection, tenant: Tenant) -> None:
        """Nobody waits for it: a server that hangs takes longer than anybody would."""
        self._made_at.pop(connection, None)
        task = asyncio.ensure_future(_end(connection))
        self._ending.add(task)
        task.add_done_callback(partial(self._ended, tenant))

    def _ended(self, tenant: Tenant, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        self._places.release(tenant)


async def _end(connection: Connection) -> None:
    with contextlib.suppress(Exception):  # it has been torn off then
        await connection.close(timeout=_CLOSE_SECONDS)
