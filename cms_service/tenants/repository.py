# ruff: noqa: S608 - the statements are put together from constants of this module
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.audit.statements import noted
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.tenants.changes import MAX_CHANGES, Changes
from cms_service.tenants.directory import Found
from cms_service.tenants.schemas import DeliveryAccess, Tenant, TenantChange, TenantState

_JSON = """jsonb_build_object('name', t.name, 'displayName', t.display_name,
    'deliveryAccess', t.delivery_access, 'searchLanguage', t.search_language,
    'createdAt', t.created_at)"""
_NOTE = """jsonb_build_object('displayName', display_name, 'deliveryAccess', delivery_access,
    'searchLanguage', search_language)"""

_GET = Statement("tenants.get", f"SELECT {_JSON} FROM cms.tenants t")
_UPDATE = Statement(
    "tenants.update",
    f"""WITH t AS (
            UPDATE cms.tenants SET
                display_name = coalesce($1->>'displayName', display_name),
                delivery_access = coalesce($1->>'deliveryAccess', delivery_access),
                search_language = coalesce($1->>'searchLanguage', search_language),
                generation = cms.next_generation(generation)
            WHERE id = ($1->>'tenant')::uuid
            RETURNING *),
        {noted("'changed'", "tenant", "t", _NOTE)}
        SELECT {_JSON} || jsonb_build_object('generation', t.generation) FROM t""",
)
_DIRECTORY = """
SELECT h.history, t.id, t.name, t.delivery_access, t.generation, t.access_generation,
    t.types_generation
FROM cms.tenant_history() AS h (history), cms.tenants_by_name($1) t
"""
_CHANGES = """
SELECT history, marker::text, changed::text FROM cms.tenant_changes($1::text::xid8, $2)
"""


class TenantRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def states(self, names: list[str]) -> Found:
        rows = await self._database.fetch("tenants.directory", _DIRECTORY, names)
        states = {row["name"]: _state(row) for row in rows}
        return Found(rows[0]["history"] if rows else "", states)

    async def changes(self, since: str | None) -> Changes:
        """One more than may be, where there are too many."""
        rows = await self._database.fetch("tenants.changes", _CHANGES, since, MAX_CHANGES + 1)
        history, marker, changed = rows[0]
        return Changes(history, marker, orjson.loads(changed))

    async def get(self, tenant_id: UUID) -> Tenant | None:
        rows = await self._database.query(tenant_id, _GET)
        return Tenant.model_validate(rows[0]) if rows else None

    async def update(self, tenant_id: UUID, change: TenantChange) -> tuple[Tenant, int] | None:
        """The tenant and its new generation."""
        rows: list[dict[str, Any]] = await self._database.query(
            tenant_id, _UPDATE, **change.model_dump(mode="json", by_alias=True)
        )
        if not rows:
            return None
        generation = rows[0].pop("generation")
        return Tenant.model_validate(rows[0]), generation


def _state(row: asyncpg.Record) -> TenantState:
    return TenantState(
        id=row["id"],
        name=row["name"],
        delivery_access=DeliveryAccess(row["delivery_access"]),
        generation=row["generation"],
        access_generation=row["access_generation"],
        types_generation=row["types_generation"],
    )
