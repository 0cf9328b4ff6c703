from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import BadRequest, Unavailable
from cms_service.delivery.composing import Fetched, TooLargeError, composed
from cms_service.delivery.databases import DeliveryDatabases
from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.sql import statements
from cms_service.delivery.sql.parameters import Sql
from cms_service.delivery.sql.statements import COLUMNS, MAX_ANSWER_BYTES, EntryStatement
from cms_service.tenants.schemas import TenantState

# Newer than any: an error does not tell of which it is.
_NEWEST = 2**63 - 1


class TypesChangedError(Unavailable):
    """The content is of other types than the tenant's state tells of; a state that is as new as the
    `generation`, or the newest, tells of them.
    """

    def __init__(self, generation: int) -> None:
        super().__init__("The types are being changed.")
        self.generation = generation


@dataclass(frozen=True)
class Items:
    """`json` has commas between them; `place` is that of the last one of a page, where there are
    more.
    """

    json: bytes
    place: str | None


class DeliveryRepository:
    """Reads what is published, as JSON that PostgreSQL has made. Raises TypesChangedError."""

    def __init__(self, databases: DeliveryDatabases) -> None:
        self._databases = databases

    async def types(self, tenant: TenantState, names: Collection[str]) -> dict[str, ContentType]:
        """Those that exist."""
        sql = Sql(statements.TYPES, (sorted(names),))
        row = await self._databases.fetch_row("delivery.types", sql.text, tenant, *sql.values)
        _check_types(tenant, row)
        found: list[Any] = orjson.loads(row["types"]) if row else []
        return {each["name"]: ContentType.model_validate(each) for each in found}

    async def entry(
        self, tenant: TenantState, statement: EntryStatement, place: str | UUID
    ) -> bytes | None:
        """`place`: its slug or its id. Raises BadRequest where it is too large."""
        row = await self._row("delivery.entry", statement.of(place), tenant)
        if statement.of_definitions:
            _check_types(tenant, row)
        found = _items(row)
        return (found and found.json) or None

    async def page(self, tenant: TenantState, sql: Sql) -> Items | None:
        """None where the tenant is gone. Raises BadRequest where it is too large."""
        row = await self._row("delivery.list", sql, tenant)
        _check_types(tenant, row)
        return _items(row, sql.expansions)

    async def _row(self, name: str, sql: Sql, tenant: TenantState) -> asyncpg.Record | None:
        try:
            return await self._databases.fetch_content(name, sql.text, tenant, *sql.values)
        except asyncpg.DataError:
            # Values of another kind than the definition said, which was read a moment before them.
            raise TypesChangedError(_NEWEST) from None
        except asyncpg.ProgramLimitExceededError:  # PostgreSQL's own, which are higher
            raise _too_large() from None


def _check_types(tenant: TenantState, row: asyncpg.Record | None) -> None:
    if row is not None and row["types_generation"] not in {None, tenant.types_generation}:
        raise TypesChangedError(row["generation"])


def _items(row: asyncpg.Record | None, expansions: Sequence[Expansion] = ()) -> Items | None:
    if row is None:
        return None
    if row["is_too_large"]:
        raise _too_large()
    fetched = Fetched(row[len(COLUMNS) :], row["references"])
    try:
        entries = composed(fetched, expansions, MAX_ANSWER_BYTES)
    except TooLargeError:
        raise _too_large() from None
    return Items(b",".join(entries), row["next"])


def _too_large() -> BadRequest:
    size = MAX_ANSWER_BYTES // 1024 // 1024
    return BadRequest(
        f"The answer would have more than {size} MiB. Ask for less: by limit, select or expand."
    )
