# ruff: noqa: S608 - the statements are put together from constants of this module
"""Reads and rewrites the entries of a type whose definition changes, in bounded batches. The type
is locked by the caller, so that no entry of it is made, changed or published meanwhile.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cms_service.content_types.fields import BaseField, slug_of
from cms_service.core.postgres.bounded import BoundedStatement, bounded
from cms_service.core.postgres.database import Scope
from cms_service.core.postgres.statements import Statement
from cms_service.entries.references import references_in
from cms_service.entries.unique import claims

# Entries at most, of which fewer are taken where they are large.
BATCH = 200

_PICKED = """(SELECT coalesce(jsonb_object_agg(f.key, f.value), '{{}}')
    FROM jsonb_each({0}.fields) AS f WHERE $1->'names' ? f.key)"""
_NAMES = "ARRAY(SELECT jsonb_array_elements_text($1->'names'))"
_ROWS = f"""
    SELECT e.id, e.created_at, {_PICKED.format("e")} AS fields,
        CASE WHEN p.entry_id IS NOT NULL THEN {_PICKED.format("p")} END AS published
    FROM cms.entries e
    LEFT JOIN cms.published_entries p ON p.tenant_id = e.tenant_id AND p.entry_id = e.id
    WHERE e.content_type_id = ($1->>'typeId')::uuid
      AND ($1->>'at' IS NULL
        OR (e.created_at, e.id) > (($1->>'at')::timestamptz, ($1->>'after')::uuid))
      AND (($1->>'all')::boolean OR e.fields ?| {_NAMES} OR p.fields ?| {_NAMES})
    ORDER BY e.created_at, e.id LIMIT ($1->>'limit')::int"""
_ROW_JSON = """jsonb_build_object('id', r.id, 'at', r.created_at, 'fields', r.fields,
    'published', r.published)"""

_COUNT = Statement(
    "rewriting.count",
    """SELECT jsonb_build_object('entries', count(*)) FROM cms.entries e
       WHERE e.content_type_id = ($1->>'typeId')::uuid""",
)
_READ = BoundedStatement("rewriting.read", f"SELECT {_ROW_JSON} FROM ({_ROWS}) AS r")
_READ_LOCKED = BoundedStatement(
    "rewriting.read_locked", f"SELECT {_ROW_JSON} FROM ({_ROWS} FOR NO KEY UPDATE OF e) AS r"
)
_TARGET_TYPES = Statement(
    "rewriting.target_types",
    """SELECT jsonb_build_object('id', e.id, 'type', t.name)
       FROM (SELECT tenant_id, id, content_type_id FROM cms.entries
             UNION ALL SELECT tenant_id, id, content_type_id FROM cms.binned_entries) AS e
       JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
       WHERE e.id = ANY (ARRAY(SELECT jsonb_array_elements_text($1->'ids')::uuid))""",
)
# Nobody else of the tenant waits for the counter until the type's own row is written.
_COUNT_AT_THE_END = Statement(
    "rewriting.count_at_the_end",
    "SELECT to_jsonb(set_config('cms.bytes_are_counted', 'at the end', true))",
)
# What hangs on the fields that change is made anew with their values.
_FORGET = Statement(
    "rewriting.forget",
    f"""WITH claims AS (
            DELETE FROM cms.unique_values
            WHERE content_type_id = ($1->>'typeId')::uuid AND $1->'names' ? field),
        published_claims AS (
            DELETE FROM cms.published_unique_values
            WHERE content_type_id = ($1->>'typeId')::uuid AND $1->'names' ? field),
        links AS (
            DELETE FROM cms.entry_references r USING cms.entries e
            WHERE e.tenant_id = r.tenant_id AND e.id = r.source_id
              AND e.content_type_id = ($1->>'typeId')::uuid
              AND split_part(r.field, '.', 1) = ANY ({_NAMES})),
        published_links AS (
            DELETE FROM cms.published_references r USING cms.entries e
            WHERE e.tenant_id = r.tenant_id AND e.id = r.source_id
              AND e.content_type_id = ($1->>'typeId')::uuid
              AND split_part(r.field, '.', 1) = ANY ({_NAMES})),
        slugs AS (
            UPDATE cms.entries SET slug = NULL
            WHERE content_type_id = ($1->>'typeId')::uuid AND ($1->>'slugs')::boolean),
        published_slugs AS (
            UPDATE cms.published_entries SET slug = NULL
            WHERE content_type_id = ($1->>'typeId')::uuid AND ($1->>'slugs')::boolean)
        SELECT '{{}}'::jsonb""",
)


# The entry is published still.
_IS_PUBLISHED = "EXISTS (SELECT FROM cms.published_entries p WHERE p.entry_id = m.id)"


def _insert_claims(*, published: bool) -> str:
    """The values of the rows m that nobody else may have."""
    state = "published_" if published else ""
    return f"""INSERT INTO cms.{state}unique_values
                (tenant_id, content_type_id, field, locale, digest, entry_id)
            SELECT ($1->>'tenant')::uuid, ($1->>'typeId')::uuid, c.field, c.locale, c.digest, m.id
            FROM moved m CROSS JOIN LATERAL jsonb_to_recordset(m.{state}claims)
                AS c(field text, locale text, digest text)
            WHERE {_IS_PUBLISHED if published else "true"}"""


def _insert_links(*, published: bool) -> str:
    """What the rows m refer to. What is still there of it stays until the transaction ends."""
    state, table = ("published_", "published") if published else ("", "entry")
    return f"""INSERT INTO cms.{table}_references (tenant_id, source_id, field, position, target_id)
            SELECT ($1->>'tenant')::uuid, m.id, l.field, l.position, l.target
            FROM moved m CROSS JOIN LATERAL jsonb_to_recordset(m.{state}links)
                AS l(field text, position integer, target uuid)
            WHERE EXISTS (SELECT FROM cms.entries e WHERE e.id = l.target FOR KEY SHARE)
                AND {_IS_PUBLISHED if published else "true"}"""


_WRITE = Statement(
    "rewriting.write",
    f"""WITH moved AS (
            SELECT * FROM jsonb_to_recordset($1->'rows') AS m(
                id uuid, fields jsonb, slug text, claims jsonb, links jsonb, published jsonb,
                published_slug text, published_claims jsonb, published_links jsonb)),
        entries AS (
            UPDATE cms.entries e SET fields = (e.fields - {_NAMES}) || m.fields,
                rewritten = e.rewritten + 1,
                slug = CASE WHEN ($1->>'slugs')::boolean THEN m.slug ELSE e.slug END
            FROM moved m
            WHERE e.tenant_id = ($1->>'tenant')::uuid AND e.id = m.id AND (
                ($1->>'slugs')::boolean OR e.fields <> (e.fields - {_NAMES}) || m.fields)),
        published AS (
            UPDATE cms.published_entries p SET fields = (p.fields - {_NAMES}) || m.published,
                slug = CASE WHEN ($1->>'slugs')::boolean THEN m.published_slug ELSE p.slug END
            FROM moved m
            WHERE p.tenant_id = ($1->>'tenant')::uuid AND p.entry_id = m.id AND (
                ($1->>'slugs')::boolean OR p.fields <> (p.fields - {_NAMES}) || m.published)),
        claims AS ({_insert_claims(published=False)}),
        published_claims AS ({_insert_claims(published=True)}),
        links AS ({_insert_links(published=False)}),
        published_links AS ({_insert_links(published=True)})
        SELECT '{{}}'::jsonb""",
)


@dataclass(frozen=True)
class Touched:
    """The fields that change, as they were and as they will be; `every_entry`: whether those that
    have no value in any of them matter too.
    """

    type_id: UUID
    old: Sequence[BaseField]
    new: Sequence[BaseField]
    every_entry: bool

    @property
    def names(self) -> list[str]:
        return sorted({field.name for field in (*self.old, *self.new)})

    @property
    def slugs(self) -> bool:
        return any(field.kind == "slug" for field in (*self.old, *self.new))


@dataclass(frozen=True)
class Row:
    """An entry's values in the fields that change; `published` is None where it is not."""

    id: UUID
    at: str
    fields: Mapping[str, Any]
    published: Mapping[str, Any] | None


@dataclass(frozen=True)
class Batch:
    """`more`: whether there may be another one."""

    rows: Sequence[Row] = ()
    more: bool = True


@dataclass(frozen=True)
class MovedRow:
    id: UUID
    fields: Mapping[str, Any]
    published: Mapping[str, Any] | None


async def count(scope: Scope, type_id: UUID) -> int:
    rows = await scope.query(_COUNT, typeId=type_id)
    entries: int = rows[0]["entries"]
    return entries


async def read(scope: Scope, touched: Touched, before: Batch, *, lock: bool) -> Batch:
    """The entries after those, the oldest first. With `lock` none of the batch is deleted or
    unpublished meanwhile, and others may refer to it.
    """
    last = before.rows[-1] if before.rows else None
    found = bounded(
        await scope.query(
            _READ_LOCKED if lock else _READ,
            typeId=touched.type_id,
            names=touched.names,
            all=touched.every_entry,
            limit=BATCH,
            at=last.at if last else None,
            after=last.id if last else None,
        )
    )
    return Batch(
        [Row(UUID(row["id"]), row["at"], row["fields"], row["published"]) for row in found.rows],
        found.is_cut or len(found.rows) == BATCH,
    )


async def target_types(scope: Scope, touched: Touched, rows: Sequence[Row]) -> dict[str, str]:
    """The types of the entries that the rows refer to, by these entries' identifiers. Those in the
    bin count: they may come back.
    """
    values = [values for row in rows for values in (row.fields, row.published) if values]
    ids: Collection[str] = {
        reference.target for one in values for reference in references_in(touched.old, one)
    }
    if not ids:
        return {}
    found = await scope.query(_TARGET_TYPES, ids=sorted(ids))
    return {row["id"]: row["type"] for row in found}


async def begin(scope: Scope, touched: Touched) -> None:
    """Has to be called before the first of them is written."""
    await scope.query(_COUNT_AT_THE_END)
    await scope.query(_FORGET, typeId=touched.type_id, names=touched.names, slugs=touched.slugs)


async def write(scope: Scope, touched: Touched, rows: Sequence[MovedRow]) -> None:
    await scope.query(
        _WRITE,
        typeId=touched.type_id,
        names=touched.names,
        slugs=touched.slugs,
        rows=[_written(row, touched.new) for row in rows],
    )


def _written(row: MovedRow, new: Sequence[BaseField]) -> dict[str, object]:
    written: dict[str, object] = {"id": row.id}
    for prefix, name, values in (
        ("", "fields", row.fields),
        ("published_", "published", row.published),
    ):
        if values is not None:
            written |= {
                name: values,
                f"{prefix}slug": slug_of(new, values),
                f"{prefix}claims": claims(new, values),
                f"{prefix}links": [one.stored() for one in references_in(new, values)],
            }
    return written
