# ruff: noqa: S608 - the statements are put together from constants of this module
"""The statements of `rewriting`."""

from cms_service.core.postgres.bounded import BoundedStatement
from cms_service.core.postgres.statements import Statement

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

COUNT = Statement(
    "rewriting.count",
    """SELECT jsonb_build_object('entries', count(*)) FROM cms.entries e
       WHERE e.content_type_id = ($1->>'typeId')::uuid""",
)
READ = BoundedStatement("rewriting.read", f"SELECT {_ROW_JSON} FROM ({_ROWS}) AS r")
READ_LOCKED = BoundedStatement(
    "rewriting.read_locked", f"SELECT {_ROW_JSON} FROM ({_ROWS} FOR NO KEY UPDATE OF e) AS r"
)
TARGET_TYPES = Statement(
    "rewriting.target_types",
    """SELECT jsonb_build_object('id', e.id, 'type', t.name)
       FROM (SELECT tenant_id, id, content_type_id FROM cms.entries
             UNION ALL SELECT tenant_id, id, content_type_id FROM cms.binned_entries) AS e
       JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
       WHERE e.id = ANY (ARRAY(SELECT jsonb_array_elements_text($1->'ids')::uuid))""",
)
# Nobody else of the tenant waits for the counter until the type's own row is written.
COUNT_AT_THE_END = Statement(
    "rewriting.count_at_the_end",
    "SELECT to_jsonb(set_config('cms.bytes_are_counted', 'at the end', true))",
)
# What hangs on the fields that change is made anew with their values.
FORGET = Statement(
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


WRITE = Statement(
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
