from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import BadRequest, Unavailable
from cms_service.delivery.composing import Fetched, TooLargeError, composed
from cms_service.delivery.databases import DeliveryDatabases
from cms_service.delivery.sql import statements
from cms_service.delivery.sql.parameters import Sql
from cms_service.delivery.sql.statements import COLUMNS, MAX_ANSWER_BYTES, EntryStatement
from cms_service.tenants.schemas import TenantState


@dataclass(frozen=True)
class Items:
    """`json` has commas between them; `place` is that of the last one of a page, where there are
    more.
    """

    json: bytes
    place: str | None


class DeliveryRepository:
    """Reads what is published, as JSON that PostgreSQL has made."""

    def __init__(self, databases: DeliveryDatabases) -> None:
        self._databases = databases

    async def types(self, tenant: TenantState, names: Collection[str]) -> dict[str, ContentType]:
        """Those that exist."""
        sql = Sql(statements.TYPES, (sorted(names),))
        row = await self._databases.fetch_row("delivery.types", sql.text, tenant, *sql.values)
        found: list[Any] = orjson.loads(row["types"]) if row else []
        return {each["name"]: ContentType.model_validate(each) for each in found}

    async def entry(
        self, tenant: TenantState, statement: EntryStatement, place: str | UUID
    ) -> bytes | None:
        """`place`: its slug or its id. Raises BadRequest where it is too large."""
        found = await self._items("delivery.entry", statement.of(place), tenant)
        return (found and found.json) or None

    async def page(self, tenant: TenantState, sql: Sql) -> Items | None:
        """None where the tenant is gone. Raises BadRequest where it is too large."""
        return await self._items("delivery.list", sql, tenant)

    async def _items(self, name: str, sql: Sql, tenant: TenantState) -> Items | None:
        try:
            row = await self._databases.fetch_content(name, sql.text, tenant, *sql.values)
        except asyncpg.DataError:
            # Values of another kind than the definition said, which was read a moment before them.
            raise Unavailable("The type is being changed.") from None
        except asyncpg.ProgramLimitExceededError:  # PostgreSQL's own, which are higher
            raise _too_large() from None
        if row is None:
            return None
        if row["is_too_large"]:
            raise _too_large()
        fetched = Fetched(row[len(COLUMNS) :], row["references"])
        try:
            entries = composed(fetched, sql.expansions, MAX_ANSWER_BYTES)
        except TooLargeError:
            raise _too_large() from None
        return Items(b",".join(entries), row["next"])


def _too_large() -> BadRequest:
    size = MAX_ANSWER_BYTES // 1024 // 1024
    return BadRequest(
        f"The answer would have more than {size} MiB. Ask for less: by limit, select or expand."
    )
