# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.audit.statements import noted
from cms_service.content_types.fields import BaseField
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Conflict
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.bounded import BoundedStatement, Rows, bounded
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction

_JSON = """jsonb_build_object('id', t.id, 'name', t.name, 'displayName', t.display_name,
    'fields', t.fields, 'version', t.version, 'createdAt', t.created_at,
    'updatedAt', t.updated_at, 'fieldsSince', t.fields_since,
    'locales', (SELECT n.locales FROM cms.tenants n WHERE n.id = t.tenant_id))"""

# For statements that change what delivery may show; `t` is their own row of that.
_NEXT_GENERATION = """generation AS (
    UPDATE cms.tenants SET generation = cms.next_generation(generation)
    WHERE id = ($1->>'tenant')::uuid AND EXISTS (SELECT FROM t)
    RETURNING generation)"""
_WITH_GENERATION = f"""SELECT {_JSON} || jsonb_build_object('generation', generation.generation)
    FROM t CROSS JOIN generation"""
_NOTE = "jsonb_build_object('name', name, 'version', version)"

_GET = Statement(
    "content_types.get", f"SELECT {_JSON} FROM cms.content_types t WHERE t.name = $1->>'name'"
)
_LOCK = Statement(
    "content_types.lock",
    "SELECT to_jsonb(t.id) FROM cms.content_types t WHERE t.name = $1->>'name' FOR UPDATE",
)
_HAS_ENTRIES = Statement(
    "content_types.has_entries",
    """SELECT jsonb_build_object('found', EXISTS (
           SELECT FROM cms.entries e WHERE e.content_type_id = ($1->>'id')::uuid
           UNION ALL
           SELECT FROM cms.binned_entries b WHERE b.content_type_id = ($1->>'id')::uuid))""",
)
_LIST = BoundedStatement(
    "content_types.list",
    f"SELECT {_JSON} FROM cms.content_types t WHERE {newest_first('t')}",
)
_NAMED = BoundedStatement(
    "content_types.named", f"SELECT {_JSON} FROM cms.content_types t WHERE $1->'names' ? t.name"
)
_INSERT = Statement(
    "content_types.insert",
    f"""WITH t AS (
            INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)
            VALUES (($1->>'tenant')::uuid, ($1->>'id')::uuid, $1->>'name', $1->>'displayName',
                    $1->'fields')
            RETURNING *),
        {noted("'created'", "content-type", "t", _NOTE)},
        {_NEXT_GENERATION}
        {_WITH_GENERATION}""",
)
_UPDATE = Statement(
    "content_types.update",
    f"""WITH t AS (
            UPDATE cms.content_types SET display_name = $1->>'displayName', fields = $1->'fields',
                version = version + 1, updated_at = now()
            WHERE id = ($1->>'id')::uuid
            RETURNING *),
        {noted("'changed'", "content-type", "t", _NOTE)},
        {_NEXT_GENERATION}
        {_WITH_GENERATION}""",
)
_DELETE = Statement(
    "content_types.delete",
    f"""WITH t AS (DELETE FROM cms.content_types WHERE id = ($1->>'id')::uuid RETURNING *),
        {noted("'deleted'", "content-type", "t", _NOTE)},
        {_NEXT_GENERATION}
        SELECT jsonb_build_object('generation', generation) FROM generation""",
)
# Those that are named stay until the transaction ends.
_LOCK_NAMED = Statement(
    "content_types.lock_named",
    """WITH t AS (
           SELECT name FROM cms.content_types WHERE $1->'names' ? name ORDER BY id FOR KEY SHARE)
       SELECT to_jsonb(t.name) FROM t""",
)
# Where rules name a field by one of its two names and not by the other, if it has one.
_LIMITED = Statement(
    "content_types.limited",
    """SELECT jsonb_build_object('name', p.old, 'holders', jsonb_agg(DISTINCT h.holder))
       FROM (SELECT 'the role ' || name AS holder, rules FROM cms.roles
             UNION ALL
             SELECT 'the API key ' || name, rules FROM cms.api_keys WHERE rules IS NOT NULL) AS h
       CROSS JOIN LATERAL jsonb_to_recordset(h.rules) AS r(fields jsonb, "contentTypes" jsonb)
       JOIN jsonb_to_recordset($1->'names') AS p(old text, new text)
         ON (r.fields ? p.old) <> coalesce(r.fields ? p.new, false)
       WHERE jsonb_typeof(r."contentTypes") IS DISTINCT FROM 'array'
          OR r."contentTypes" ? ($1->>'type')
       GROUP BY p.old""",
)
_REFERRING = Statement(
    "content_types.referring",
    """SELECT to_jsonb(t.name) FROM cms.content_types t
       WHERE t.id <> ($1->>'id')::uuid
         AND jsonb_path_exists(t.fields, '$.**.types[*] ? (@ == $name)', $1)
       ORDER BY t.name LIMIT 20""",
)


class ContentTypeRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, tenant_id: UUID, name: str) -> ContentType | None:
        rows = await self.database.query(tenant_id, _GET, name=name)
        return _type(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> Rows[ContentType]:
        rows = await self.database.query(tenant_id, _LIST, **page_values(limit, after))
        return bounded(rows).map(_type)

    async def named(self, tenant_id: UUID, names: Collection[str]) -> Rows[ContentType]:
        """Those of them that exist."""
        rows = await self.database.query(tenant_id, _NAMED, names=sorted(names))
        return bounded(rows).map(_type)

    async def insert(
        self,
        transaction: Transaction,
        type_id: UUID,
        name: str,
        display_name: str,
        fields: Sequence[BaseField],
    ) -> tuple[ContentType, int]:
        """Also the tenant's new generation. Raises Conflict for a name that is taken."""
        try:
            rows = await transaction.query(
                _INSERT,
                id=type_id,
                name=name,
                displayName=display_name,
                fields=_stored(fields),
            )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is a content type with this name.") from None
        return _type_and_generation(rows[0])

    async def get_in(self, transaction: Transaction, name: str) -> ContentType | None:
        rows = await transaction.query(_GET, name=name)
        return _type(rows[0]) if rows else None

    async def lock(self, transaction: Transaction, name: str) -> ContentType | None:
        """Until the transaction ends no entry of the type is written, and no locale changed."""
        # Read afterwards: a statement that waits for the locales sees them as they were before.
        return (
            await self.get_in(transaction, name)
            if await transaction.query(_LOCK, name=name)
            else None
        )

    async def has_entries(self, transaction: Transaction, type_id: UUID) -> bool:
        """Those in the bin count."""
        rows = await transaction.query(_HAS_ENTRIES, id=type_id)
        return bool(rows[0]["found"])

    async def update(
        self,
        transaction: Transaction,
        type_id: UUID,
        display_name: str,
        fields: Sequence[BaseField],
    ) -> tuple[ContentType, int]:
        """Also the tenant's new generation."""
        rows = await transaction.query(
            _UPDATE, id=type_id, displayName=display_name, fields=_stored(fields)
        )
        return _type_and_generation(rows[0])

    async def lock_named(self, transaction: Transaction, names: Collection[str]) -> set[str]:
        """Those of them that exist; they stay until the transaction ends."""
        rows: list[Any] = await transaction.query(_LOCK_NAMED, names=sorted(names))
        return set(rows)

    async def limited(
        self, transaction: Transaction, name: str, renamed: Mapping[str, str | None]
    ) -> dict[str, list[str]]:
        """Whose rules name a field that is renamed (to None: removed), by its old name."""
        rows = await transaction.query(
            _LIMITED,
            type=name,
            names=[{"old": old, "new": new} for old, new in renamed.items()],
        )
        return {row["name"]: row["holders"] for row in rows}

    async def referring_types(
        self, transaction: Transaction, content_type: ContentType
    ) -> list[str]:
        """Other types whose fields may refer to it."""
        rows: list[Any] = await transaction.query(
            _REFERRING, id=content_type.id, name=content_type.name
        )
        return rows

    async def delete(self, transaction: Transaction, type_id: UUID) -> int:
        """The tenant's new generation: delivery showed an empty list of the type."""
        rows = await transaction.query(_DELETE, id=type_id)
        generation: int = rows[0]["generation"]
        return generation


def _stored(fields: Sequence[BaseField]) -> list[dict[str, Any]]:
    return [field.model_dump(mode="json", by_alias=True) for field in fields]


def _type_and_generation(row: dict[str, Any]) -> tuple[ContentType, int]:
    generation: int = row.pop("generation")
    return _type(row), generation


def _type(row: dict[str, Any]) -> ContentType:
    return ContentType.model_validate(row)
