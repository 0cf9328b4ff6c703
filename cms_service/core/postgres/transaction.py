"""A transaction in one tenant, and which one a task's questions are part of."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.core.postgres.asking import Asking
from cms_service.core.postgres.pool import UNANSWERED, Connection
from cms_service.core.postgres.statements import Asked


class Transaction:
    def __init__(self, asking: Asking, connection: Connection, tenant_id: UUID) -> None:
        self._asking = asking
        self._connection = connection
        self._tenant_id = tenant_id
        self._task = asyncio.current_task()
        self._after_commit: list[Callable[[], None]] = []

    async def query(self, statement: Asked, **values: object) -> list[dict[str, Any]]:
        return await self._asking.query(self._connection, self._tenant_id, statement, values)

    async def fetch(self, name: str, sql: str, *values: object) -> Sequence[asyncpg.Record]:
        """Calls functions that set the tenant themselves."""
        return await self._asking.fetch(self._connection, name, sql, values)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """What this task asks the database for in this tenant becomes part of the transaction."""
        token = _ambient.set(self)
        try:
            yield
        finally:
            _ambient.reset(token)

    @asynccontextmanager
    async def nested(self) -> AsyncIterator["Transaction"]:
        """A statement that fails is undone alone."""
        async with begun(self._connection):
            yield self

    def serves(self, asking: Asking, tenant_id: UUID) -> bool:
        """False for another task, which may have inherited it: a connection does one thing at a
        time.
        """
        return self.is_mine and self._asking is asking and self._tenant_id == tenant_id

    @property
    def is_mine(self) -> bool:
        return self._task is asyncio.current_task()

    def when_committed(self, act: Callable[[], None]) -> None:
        self._after_commit.append(act)

    def committed(self) -> None:
        for act in self._after_commit:
            act()


_ambient: ContextVar[Transaction | None] = ContextVar("ambient", default=None)


def ambient(asking: Asking, tenant_id: UUID) -> Transaction | None:
    """The transaction that this task's questions are part of, if any."""
    transaction = _ambient.get()
    is_of_it = transaction is not None and transaction.serves(asking, tenant_id)
    return transaction if is_of_it else None


def when_committed(act: Callable[[], None]) -> None:
    """Acts at once where this task's questions are part of no transaction; never for one that is
    undone.
    """
    transaction = _ambient.get()
    if transaction is not None and transaction.is_mine:
        transaction.when_committed(act)
    else:
        act()


@contextmanager
def outside_transactions() -> Iterator[None]:
    """What this task asks for in it is part of no transaction: for what others share, who must not
    be told of changes that may be undone.
    """
    token = _ambient.set(None)
    try:
        yield
    finally:
        _ambient.reset(token)


@asynccontextmanager
async def begun(connection: Connection) -> AsyncIterator[None]:
    """One that is left without an answer is not waited for once more: its connection ends, and with
    it the transaction.
    """
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except UNANSWERED:
        raise
    except BaseException:
        await transaction.rollback()
        raise
    else:
        await transaction.commit()
