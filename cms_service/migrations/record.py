"""What the database says of itself: what was expanded and contracted, for whom, and whose it is."""

from dataclasses import dataclass
from typing import Any

import orjson

from cms_service.migrations.files import Migration, Script

# The first releases had no record but the four columns before applied_at.
_PREPARE = """
CREATE SCHEMA IF NOT EXISTS cms;
CREATE TABLE IF NOT EXISTS cms.schema_migrations (
    version         integer PRIMARY KEY,
    name            text NOT NULL,
    checksum        text NOT NULL,
    oldest_readable integer NOT NULL,
    applied_at      timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE cms.schema_migrations
    ADD COLUMN IF NOT EXISTS contract_checksum text,
    ADD COLUMN IF NOT EXISTS contracted_at timestamptz;
CREATE TABLE IF NOT EXISTS cms.schema_state (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    announced     integer NOT NULL,
    oldest_in_use integer NOT NULL,
    owner         text
);
"""
_HAS_TABLE = "SELECT to_regclass($1) IS NOT NULL"
# As JSON, so that one query reads the tables of every release.
_ROWS = "SELECT to_jsonb(m) FROM cms.schema_migrations m ORDER BY version"
_STATE = "SELECT to_jsonb(s) FROM cms.schema_state s"
_ANNOUNCE = """
INSERT INTO cms.schema_state (announced, oldest_in_use, owner) VALUES ($1, $2, $3)
ON CONFLICT (only_row) DO UPDATE
SET announced = excluded.announced, oldest_in_use = excluded.oldest_in_use,
    owner = excluded.owner
"""
_EXPANDED = """INSERT INTO cms.schema_migrations (version, name, checksum, oldest_readable)
               VALUES ($1, $2, $3, $4)"""
_CONTRACTED = """UPDATE cms.schema_migrations
                 SET contract_checksum = $2, contracted_at = now(),
                     oldest_readable = greatest(oldest_readable, $3)
                 WHERE version = $1"""


@dataclass(frozen=True)
class Row:
    """`contract_checksum` is empty while the migration is expanded only."""

    version: int
    name: str
    checksum: str
    oldest_readable: int
    contract_checksum: str = ""


@dataclass(frozen=True)
class State:
    """`announced`: the release whose migration ran last. `oldest_in_use`: no release older than
    this can be running. `owner`: namespace and name of a HeadlessCMS.
    """

    announced: int
    oldest_in_use: int
    owner: str = ""


@dataclass(frozen=True)
class Record:
    """`state` is None in a database that no release with contracts has seen yet."""

    rows: tuple[Row, ...] = ()
    state: State | None = None

    @property
    def version(self) -> int:
        return max((row.version for row in self.rows), default=0)

    @property
    def oldest_readable(self) -> int:
        return max((row.oldest_readable for row in self.rows), default=0)

    @property
    def owner(self) -> str:
        return self.state.owner if self.state else ""


async def read(connection: Any) -> Record:
    rows: tuple[Row, ...] = ()
    state = None
    if await connection.fetchval(_HAS_TABLE, "cms.schema_migrations"):
        rows = tuple(_row(found[0]) for found in await connection.fetch(_ROWS))
    if await connection.fetchval(_HAS_TABLE, "cms.schema_state"):
        state = _state(await connection.fetchval(_STATE))
    return Record(rows, state)


def _row(text: str) -> Row:
    found = orjson.loads(text)
    return Row(
        found["version"],
        found["name"],
        found["checksum"],
        found["oldest_readable"],
        found.get("contract_checksum") or "",
    )


def _state(text: str | None) -> State | None:
    if text is None:
        return None
    found = orjson.loads(text)
    return State(found["announced"], found["oldest_in_use"], found["owner"] or "")


async def announce(connection: Any, before: Record, state: State) -> None:
    """Before a script is applied and before a pod of the release can start."""
    if state == before.state:
        return
    async with connection.transaction():
        if before.state is None:
            await connection.execute(_PREPARE)
        await connection.execute(
            _ANNOUNCE, state.announced, state.oldest_in_use, state.owner or None
        )


async def remember(connection: Any, script: Script) -> None:
    """Has to be in the script's own transaction."""
    if isinstance(script, Migration):
        await connection.execute(
            _EXPANDED, script.version, script.name, script.checksum, script.oldest_readable
        )
    else:
        await connection.execute(
            _CONTRACTED, script.version, script.checksum, script.oldest_readable
        )
