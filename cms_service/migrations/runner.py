"""Applies what is missing. One runner at a time: a session lock on a direct connection keeps
others out.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from cms_service.migrations.files import Migration

logger = logging.getLogger(__name__)

_LOCK_KEY = 0x68636D73  # "hcms"
# A migration that waits for a table must not hold up the requests that queue behind it.
_LOCK_TIMEOUT = "5s"
_PAUSE_SECONDS = 1.0

_PREPARE = """
CREATE SCHEMA IF NOT EXISTS cms;
CREATE TABLE IF NOT EXISTS cms.schema_migrations (
    version         integer PRIMARY KEY,
    name            text NOT NULL,
    checksum        text NOT NULL,
    oldest_readable integer NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT now()
);
"""
_HAS_TABLE = "SELECT to_regclass('cms.schema_migrations') IS NOT NULL"
_APPLIED = "SELECT version, checksum, oldest_readable FROM cms.schema_migrations ORDER BY version"
_RECORD = """INSERT INTO cms.schema_migrations (version, name, checksum, oldest_readable)
             VALUES ($1, $2, $3, $4)"""


class MigrationError(Exception):
    """One sentence for the reader, without credentials."""


@dataclass(frozen=True)
class Applied:
    version: int
    oldest_readable: int


async def lock(connection: Any, deadline: float) -> None:
    """For as long as the connection lives. `deadline` is of time.monotonic()."""
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
        if time.monotonic() >= deadline:
            raise MigrationError(
                "Another migration is running on this database and did not end in time."
            )
        await asyncio.sleep(_PAUSE_SECONDS)


async def current(connection: Any) -> Applied:
    if not await connection.fetchval(_HAS_TABLE):
        return Applied(0, 0)
    rows = await connection.fetch(_APPLIED)
    return Applied(rows[-1]["version"], rows[-1]["oldest_readable"]) if rows else Applied(0, 0)


async def apply_missing(
    connection: Any, migrations: Sequence[Migration], deadline: float
) -> Applied:
    """Raises MigrationError. A database that is ahead of these migrations is left as it is."""
    await connection.execute(_PREPARE)
    checksums = {row["version"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
    for migration in migrations:
        if migration.version not in checksums:
            await _apply(connection, migration, deadline)
        elif checksums[migration.version] != migration.checksum:
            raise MigrationError(
                f"The migration {migration.name} was changed after it was applied."
            )
    return await current(connection)


async def _apply(connection: Any, migration: Migration, deadline: float) -> None:
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                await connection.execute(migration.sql)
                await connection.execute(
                    _RECORD,
                    migration.version,
                    migration.name,
                    migration.checksum,
                    migration.oldest_readable,
                )
        except asyncpg.LockNotAvailableError:
            if time.monotonic() >= deadline:
                raise MigrationError(
                    f"The migration {migration.name} could not get its locks in time."
                ) from None
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            logger.info("applied", extra={"migration": migration.name})
            return
