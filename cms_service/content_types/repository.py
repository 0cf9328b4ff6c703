# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.content_types.fields import BaseField
from cms_service.content_types.schemas import ContentType
from cms_service.core.cursor import Cursor
from cms_service.core.database import Database, Scope, Statement
from cms_service.core.errors import Conflict

_JSON = """jsonb_build_object('id', t.id, 'name', t.name, 'displayName', t.display_name,
    'fields', t.fields, 'version', t.version, 'createdAt', t.created_at,
    'updatedAt', t.updated_at)"""

_GET = Statement(
    "content_types.get", f"SELECT {_JSON} FROM cms.content_types t WHERE t.name = $1->>'name'"
)
_LOCK = Statement(
    "content_types.lock",
    f"SELECT {_JSON} FROM cms.content_types t WHERE t.name = $1->>'name' FOR UPDATE",
)
_HAS_ENTRIES = Statement(
    "content_types.has_entries",
    """SELECT jsonb_build_object('found', EXISTS (
           SELECT FROM cms.entries e WHERE e.content_type_id = ($1->>'id')::uuid))""",
)
_LIST = Statement(
    "content_types.list",
    f"""SELECT {_JSON} FROM cms.content_types t
        WHERE $1->>'at' IS NULL
           OR (t.created_at, t.id) < (($1->>'at')::timestamptz, ($1->>'id')::uuid)
        ORDER BY t.created_at DESC, t.id DESC LIMIT ($1->>'limit')::int""",
)
_INSERT = Statement(
    "content_types.insert",
    f"""WITH t AS (
            INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)
            VALUES (($1->>'tenant')::uuid, ($1->>'id')::uuid, $1->>'name', $1->>'displayName',
                    $1->'fields')
            RETURNING *)
        SELECT {_JSON} FROM t""",
)
_UPDATE = Statement(
    "content_types.update",
    f"""WITH t AS (
            UPDATE cms.content_types SET display_name = $1->>'displayName', fields = $1->'fields',
                version = version + 1, updated_at = now()
            WHERE id = ($1->>'id')::uuid
            RETURNING *)
        SELECT {_JSON} FROM t""",
)
_DELETE = Statement(
    "content_types.delete",
    """WITH t AS (DELETE FROM cms.content_types WHERE id = ($1->>'id')::uuid RETURNING id),
       generation AS (
           UPDATE cms.tenants SET generation = cms.next_generation(generation)
           WHERE id = ($1->>'tenant')::uuid AND EXISTS (SELECT FROM t)
           RETURNING generation)
       SELECT jsonb_build_object('generation', generation) FROM generation""",
)


class ContentTypeRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, tenant_id: UUID, name: str) -> ContentType | None:
        rows = await self.database.query(tenant_id, _GET, name=name)
        return _type(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[ContentType]:
        rows = await self.database.query(
            tenant_id,
            _LIST,
            limit=limit,
            at=after.at if after else None,
            id=after.id if after else None,
        )
        return [_type(row) for row in rows]

    async def insert(
        self,
        tenant_id: UUID,
        type_id: UUID,
        name: str,
        display_name: str,
        fields: Sequence[BaseField],
    ) -> ContentType:
        """Raises Conflict for a name that is taken."""
        try:
            rows = await self.database.query(
                tenant_id,
                _INSERT,
                id=type_id,
                name=name,
                displayName=display_name,
                fields=_stored(fields),
            )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is a content type with this name.") from None
        return _type(rows[0])

    async def lock(self, scope: Scope, name: str) -> ContentType | None:
        """Until the transaction ends no entry of the type is written."""
        rows = await scope.query(_LOCK, name=name)
        return _type(rows[0]) if rows else None

    async def has_entries(self, scope: Scope, type_id: UUID) -> bool:
        rows = await scope.query(_HAS_ENTRIES, id=type_id)
        return bool(rows[0]["found"])

    async def update(
        self, scope: Scope, type_id: UUID, display_name: str, fields: Sequence[BaseField]
    ) -> ContentType:
        rows = await scope.query(
            _UPDATE, id=type_id, displayName=display_name, fields=_stored(fields)
        )
        return _type(rows[0])

    async def delete(self, scope: Scope, type_id: UUID) -> int:
        """The tenant's new generation: delivery showed an empty list of the type."""
        rows = await scope.query(_DELETE, id=type_id)
        generation: int = rows[0]["generation"]
        return generation


def _stored(fields: Sequence[BaseField]) -> list[dict[str, Any]]:
    return [field.model_dump(mode="json", by_alias=True) for field in fields]


def _type(row: dict[str, Any]) -> ContentType:
    return ContentType.model_validate(row)
