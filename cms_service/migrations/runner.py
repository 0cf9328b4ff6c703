"""Applies scripts, each in one transaction with its record, but for those that are none. One runner
at a time: a session lock on a direct connection keeps others out.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import asyncpg

from cms_service.migrations import record
from cms_service.migrations.errors import MigrationError
from cms_service.migrations.files import Script

logger = logging.getLogger(__name__)

Grant = Callable[[Any], Awaitable[None]]

_LOCK_KEY = 0x68636D73  # "hcms"
_PAUSE_SECONDS = 1.0
# Each attempt may wait so much longer for a table than the one before.
_PATIENCE_SECONDS = 0.1
# Between two attempts, as a multiple of the wait: requests are held up for 5 % of the time at most.
_PAUSE_FACTOR = 20
_MAX_NAMED = 3
_HOLDERS = """
SELECT DISTINCT l.virtualtransaction,
    format('%s (role %s, process %s)', coalesce(nullif(a.application_name, ''), 'somebody'),
           a.usename, a.pid)
FROM pg_locks l
JOIN pg_stat_activity a ON a.pid = l.pid AND a.datname = current_database()
JOIN pg_class c ON c.oid = l.relation
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'cms' AND l.granted AND l.pid <> pg_backend_pid()
"""
# What was being built when its runner was lost: nothing uses it, and it is in the way.
_UNFINISHED = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname = 'cms'
"""


@dataclass(frozen=True)
class Limits:
    """`deadline` is of time.monotonic(). A script that waits for a table holds up the requests that
    queue behind it: it soon gives way and tries again, after a pause that lets them through, with
    more patience up to the lock timeout. So does one that waited for a transaction that waited for
    it.
    """

    deadline: float
    lock_timeout: float

    @property
    def left(self) -> float:
        return self.deadline - time.monotonic()


async def lock(connection: Any, limits: Limits) -> None:
    """Lets no other migration run for as long as the connection lives. Raises MigrationError."""
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if limits.left <= 0:
            raise MigrationError(
                "Another migration is running on this database and did not end in time."
            )
        await asyncio.sleep(_PAUSE_SECONDS)


async def apply(connection: Any, script: Script, limits: Limits, grant: Grant) -> None:
    """`grant` is called in the transaction that remembers the script. Raises MigrationError."""
    patience = min(_PATIENCE_SECONDS, limits.lock_timeout)
    holders: dict[str, str] | None = None
    while True:
        try:
            await _apply_once(connection, script, limits, patience, grant)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            holders = await _still_holding(connection, holders)
            pause = patience * _PAUSE_FACTOR
            patience = min(patience + _PATIENCE_SECONDS, limits.lock_timeout)
            # Another attempt would end before its own lock timeout.
            if limits.left <= pause + patience:
                raise MigrationError(
                    f"The migration {script.name} could not get its locks in time{_named(holders)}."
                ) from None
            await asyncio.sleep(pause)
        except asyncpg.QueryCanceledError:
            left = "what it has built stays" if script.statements else "it was taken back"
            raise MigrationError(
                f"The migration {script.name} did not end in time: {left}."
            ) from None
        else:
            logger.info("applied", extra={"migration": script.name})
            return


async def _still_holding(connection: Any, before: dict[str, str] | None) -> dict[str, str]:
    """Who has used the tables in one transaction since the first look, by that transaction."""
    now = {row[0]: row[1] for row in await connection.fetch(_HOLDERS)}
    return now if before is None else {key: now[key] for key in now.keys() & before.keys()}


def _named(holders: dict[str, str]) -> str:
    if not holders:
        return ""
    return f": in use all the time by {', '.join(sorted(holders.values())[:_MAX_NAMED])}"


async def _apply_once(
    connection: Any, script: Script, limits: Limits, patience: float, grant: Grant
) -> None:
    if script.statements:
        await _apply_by_statements(connection, script, limits, grant)
        return
    left = _milliseconds(limits.left)
    settings = {
        "lock_timeout": _milliseconds(patience),
        "statement_timeout": left,
        # A runner that was lost together with its node keeps no lock for longer.
        "idle_in_transaction_session_timeout": left,
    }
    async with connection.transaction():
        for name, value in settings.items():
            await connection.execute(f"SET LOCAL {name} = {value}")
        await connection.execute(script.sql)
        await record.remember(connection, script)
        await grant(connection)


async def _apply_by_statements(
    connection: Any, script: Script, limits: Limits, grant: Grant
) -> None:
    """They wait for the transactions of others without holding anybody up."""
    await connection.execute("SET lock_timeout = 0")
    unfinished = [row[0] for row in await connection.fetch(_UNFINISHED)]
    drops = [f"DROP INDEX CONCURRENTLY IF EXISTS {index}" for index in unfinished]
    for statement in (*drops, *script.statements):
        await connection.execute(f"SET statement_timeout = {_milliseconds(limits.left)}")
        await connection.execute(statement)
    await connection.execute("RESET statement_timeout; RESET lock_timeout")
    async with connection.transaction():
        await record.remember(connection, script)
        await grant(connection)


def _milliseconds(seconds: float) -> int:
    """Never 0, which stands for no limit."""
    return max(1, round(seconds * 1000))
