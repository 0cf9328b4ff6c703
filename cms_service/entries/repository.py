# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.content_types.schemas import ContentType
from cms_service.core.cursor import Cursor
from cms_service.core.database import Database, Statement
from cms_service.core.errors import OVERTAKEN, Conflict, Unauthorized
from cms_service.entries import references, unique
from cms_service.entries.references import Reference
from cms_service.entries.schemas import Entry

# Of the rows e (entry), t (its type) and p (its published state, or NULLs).
_JSON = """jsonb_build_object('id', e.id, 'type', t.name, 'version', e.version, 'slug', e.slug,
    'fields', e.fields, 'createdAt', e.created_at, 'createdBy', e.created_by,
    'updatedAt', e.updated_at, 'updatedBy', e.updated_by,
    'published', CASE WHEN p.entry_id IS NOT NULL THEN jsonb_build_object(
        'version', p.version, 'slug', p.slug, 'publishedAt', p.published_at) END)"""

# The type as the fields were checked against it, locked against a change of it in the meantime.
_CHECKED_TYPE = """t AS (
    SELECT id, name FROM cms.content_types
    WHERE id = ($1->>'typeId')::uuid AND version = ($1->>'typeVersion')::int FOR KEY SHARE)"""

_PUBLISHED = (
    """LEFT JOIN cms.published_entries p ON p.tenant_id = e.tenant_id AND p.entry_id = e.id"""
)

# What the draft claims for itself and refers to, written after the row e.
_LINK = """CROSS JOIN LATERAL cms.link_entry(
    e.tenant_id, e.content_type_id, e.id, e.version = 1, $1->'claims', $1->'references'
) AS linked"""

# The same of what is published, after the row p.
_PUBLISH_LINKS = """CROSS JOIN LATERAL cms.publish_links(
    p.tenant_id, p.content_type_id, p.entry_id, $1->'claims', $1->'references') AS linked"""

# For statements that change what delivery may show; `changed` is their own row of that.
_NEXT_GENERATION = """generation AS (
    UPDATE cms.tenants SET generation = cms.next_generation(generation)
    WHERE id = ($1->>'tenant')::uuid AND EXISTS (SELECT FROM changed)
    RETURNING generation)"""

_GET = Statement(
    "entries.get",
    f"""SELECT {_JSON} FROM cms.entries e
        JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
        {_PUBLISHED}
        WHERE e.id = ($1->>'id')::uuid AND t.name = $1->>'type'""",
)
_LIST = Statement(
    "entries.list",
    f"""SELECT {_JSON} FROM cms.entries e
        JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
        {_PUBLISHED}
        WHERE e.content_type_id = ($1->>'typeId')::uuid AND ($1->>'at' IS NULL
           OR (e.created_at, e.id) < (($1->>'at')::timestamptz, ($1->>'id')::uuid))
          AND ($1->>'onlyOf' IS NULL OR e.created_by = ($1->>'onlyOf')::uuid)
        ORDER BY e.created_at DESC, e.id DESC LIMIT ($1->>'limit')::int""",
)
_INSERT = Statement(
    "entries.insert",
    f"""WITH {_CHECKED_TYPE}, e AS (
            INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields, created_by,
                                     updated_by)
            SELECT ($1->>'tenant')::uuid, ($1->>'id')::uuid, t.id, $1->>'slug', $1->'fields',
                   ($1->>'userId')::uuid, ($1->>'userId')::uuid FROM t
            RETURNING *)
        SELECT {_JSON} FROM e CROSS JOIN t {_LINK} {_PUBLISHED}""",
)
_UPDATE = Statement(
    "entries.update",
    f"""WITH {_CHECKED_TYPE}, e AS (
            UPDATE cms.entries SET slug = $1->>'slug', fields = $1->'fields',
                version = version + 1, updated_at = now(), updated_by = ($1->>'userId')::uuid
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
              AND content_type_id = (SELECT id FROM t)
            RETURNING *)
        SELECT {_JSON} FROM e CROSS JOIN t {_LINK} {_PUBLISHED}""",
)
_PUBLISH = Statement(
    "entries.publish",
    f"""WITH {_CHECKED_TYPE}, e AS (
            SELECT * FROM cms.entries
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
              AND content_type_id = (SELECT id FROM t) FOR UPDATE),
        changed AS (
            INSERT INTO cms.published_entries (tenant_id, entry_id, content_type_id, slug, fields,
                                               version)
            SELECT e.tenant_id, e.id, e.content_type_id, e.slug, e.fields, e.version FROM e
            ON CONFLICT (tenant_id, entry_id) DO UPDATE SET slug = excluded.slug,
                fields = excluded.fields, version = excluded.version, published_at = now()
            RETURNING *),
        {_NEXT_GENERATION}
        SELECT {_JSON} || jsonb_build_object('generation', generation.generation)
        FROM e CROSS JOIN t JOIN changed p ON p.entry_id = e.id {_PUBLISH_LINKS}
        CROSS JOIN generation""",
)
# The entry is locked first, as by the others: a delete would wait for this, and this for it.
_UNPUBLISH = Statement(
    "entries.unpublish",
    f"""WITH e AS (SELECT id FROM cms.entries WHERE id = ($1->>'id')::uuid FOR UPDATE),
        changed AS (
            DELETE FROM cms.published_entries WHERE entry_id = (SELECT id FROM e)
            RETURNING entry_id),
        {_NEXT_GENERATION}
        SELECT jsonb_build_object('generation', generation) FROM generation""",
)
# A delete always counts: the entry may be published by another statement while this one waits.
_DELETE = Statement(
    "entries.delete",
    f"""WITH changed AS (
            DELETE FROM cms.entries
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int RETURNING id),
        {_NEXT_GENERATION}
        SELECT jsonb_build_object('generation', generation) FROM generation""",
)


@dataclass(frozen=True)
class Draft:
    """Values that were accepted by a type, and by which version of it."""

    type: ContentType
    fields: Mapping[str, Any]
    slug: str | None

    @property
    def claims(self) -> list[dict[str, str]]:
        return unique.claims(self.type.fields, self.fields)

    @property
    def references(self) -> list[Reference]:
        return references.references_in(self.type.fields, self.fields)


class EntryRepository:
    """A write returns None where the entry or its type is no longer of the version that it
    names.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant_id: UUID, type_name: str, entry_id: UUID) -> Entry | None:
        rows = await self._database.query(tenant_id, _GET, id=entry_id, type=type_name)
        return _entry(rows[0]) if rows else None

    async def page(
        self,
        tenant_id: UUID,
        type_id: UUID,
        limit: int,
        after: Cursor | None,
        only_of: UUID | None,
    ) -> list[Entry]:
        """`only_of`: the user whose entries are asked for, where not all are."""
        rows = await self._database.query(
            tenant_id,
            _LIST,
            typeId=type_id,
            onlyOf=only_of,
            limit=limit,
            at=after.at if after else None,
            id=after.id if after else None,
        )
        return [_entry(row) for row in rows]

    async def insert(
        self, tenant_id: UUID, entry_id: UUID, draft: Draft, user_id: UUID | None
    ) -> Entry | None:
        rows = await self._write(tenant_id, _INSERT, draft, id=entry_id, userId=user_id)
        return _entry(rows[0]) if rows else None

    async def update(
        self, tenant_id: UUID, entry_id: UUID, version: int, draft: Draft, user_id: UUID | None
    ) -> Entry | None:
        rows = await self._write(
            tenant_id, _UPDATE, draft, id=entry_id, version=version, userId=user_id
        )
        return _entry(rows[0]) if rows else None

    async def publish(
        self, tenant_id: UUID, entry_id: UUID, version: int, draft: Draft
    ) -> tuple[Entry, int] | None:
        """The entry and the tenant's new generation."""
        rows = await self._write(tenant_id, _PUBLISH, draft, id=entry_id, version=version)
        if not rows:
            return None
        generation: int = rows[0].pop("generation")
        return _entry(rows[0]), generation

    async def unpublish(self, tenant_id: UUID, entry_id: UUID) -> int | None:
        """The tenant's new generation; None where the entry was not published."""
        rows = await self._database.query(tenant_id, _UNPUBLISH, id=entry_id)
        return rows[0]["generation"] if rows else None

    async def delete(
        self, tenant_id: UUID, entry_id: UUID, version: int, *, break_references: bool
    ) -> int | None:
        """The tenant's new generation. Raises Conflict where published entries refer to it."""
        async with self._database.transaction(tenant_id) as scope:
            if not break_references:
                await references.check_not_referred_to(scope, entry_id)
            rows = await scope.query(_DELETE, id=entry_id, version=version)
        return rows[0]["generation"] if rows else None

    async def _write(
        self, tenant_id: UUID, statement: Statement, draft: Draft, **values: object
    ) -> list[dict[str, Any]]:
        referred = draft.references
        try:
            return await self._database.query(
                tenant_id,
                statement,
                typeId=draft.type.id,
                typeVersion=draft.type.version,
                fields=draft.fields,
                slug=draft.slug,
                claims=draft.claims,
                references=[reference.stored() for reference in referred],
                **values,
            )
        except asyncpg.UniqueViolationError as error:
            slug_taken = Conflict(f"Another entry has the slug {draft.slug}.")
            raise unique.taken(error) or slug_taken from None
        except asyncpg.ForeignKeyViolationError as error:
            if (problem := references.missing(error, referred)) is not None:
                raise problem from None
            if references.overtaken(error):
                raise Conflict(OVERTAKEN) from None
            # The type is locked by the statement itself, so it is the author that is gone.
            raise Unauthorized("The token's user does not exist any more.") from None


def _entry(row: dict[str, Any]) -> Entry:
    return Entry.model_validate(row)
