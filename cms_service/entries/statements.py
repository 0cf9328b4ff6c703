# ruff: noqa: S608 - the statements are put together from constants of this module
"""What the entries' repository asks of the database. A write that names versions finds nothing
where the entry or its type has another one by now.
"""

from cms_service.audit.statements import noted
from cms_service.core.postgres.bounded import BoundedStatement
from cms_service.core.postgres.statements import Routine, Statement
from cms_service.entries.listing import Sort, Status

# Made of the rows e (entry), t (its type) and p (its published state, or NULLs).
_JSON = """jsonb_build_object('id', e.id, 'type', t.name, 'version', e.version, 'slug', e.slug,
    'fields', e.fields, 'createdAt', e.created_at, 'createdBy', e.created_by,
    'updatedAt', e.updated_at, 'updatedBy', e.updated_by, 'rewritten', e.rewritten,
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

_COLUMNS = "tenant_id, id, content_type_id, slug, fields, version"

# The row e as it was saved. As many versions stay as are wanted, and the one that is published.
_KEPT = """kept AS (
    INSERT INTO cms.entry_versions (tenant_id, entry_id, version, content_type_id, kind,
                                    restored_from, slug, fields, created_at, created_by)
    SELECT e.tenant_id, e.id, e.version, e.content_type_id, $1->>'kind',
           ($1->>'restoredFrom')::int, e.slug, e.fields, e.updated_at, e.updated_by FROM e),
pruned AS (
    DELETE FROM cms.entry_versions v USING e
    WHERE v.tenant_id = e.tenant_id AND v.entry_id = e.id
      AND v.version <= e.version - ($1->>'versionsKept')::int
      AND NOT EXISTS (SELECT FROM cms.published_entries p
                      WHERE p.tenant_id = v.tenant_id AND p.entry_id = v.entry_id
                        AND p.version = v.version))"""

# The state before it, where a release has written it that keeps no versions.
_CAUGHT_UP = """caught_up AS (
    INSERT INTO cms.entry_versions (tenant_id, entry_id, version, content_type_id, kind, slug,
                                    fields, created_at, created_by)
    SELECT tenant_id, id, version, content_type_id, 'saved', slug, fields, updated_at, updated_by
    FROM cms.entries WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
    ON CONFLICT DO NOTHING)"""

_VERSION_NOTE = "jsonb_build_object('version', version)"
_PUBLISH_NOTE = f"{_VERSION_NOTE} || coalesce($1->'occasion', '{{}}')"

# For statements that change what delivery may show; `changed` is their own row of that.
_NEXT_GENERATION = """generation AS (
    UPDATE cms.tenants SET generation = cms.next_generation(generation)
    WHERE id = ($1->>'tenant')::uuid AND EXISTS (SELECT FROM changed)
    RETURNING generation)"""

GET = Statement(
    "entries.get",
    f"""SELECT {_JSON} FROM cms.entries e
        JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
        {_PUBLISHED}
        WHERE e.id = ($1->>'id')::uuid AND t.name = $1->>'type'""",
)
_ORDERS = {
    Sort.NEWEST: ("e.created_at", "DESC", "timestamptz"),
    Sort.OLDEST: ("e.created_at", "ASC", "timestamptz"),
    Sort.LAST_UPDATED: ("e.updated_at", "DESC", "timestamptz"),
    Sort.FIRST_UPDATED: ("e.updated_at", "ASC", "timestamptz"),
    Sort.SLUG: ("coalesce(e.slug, '') COLLATE \"C\"", "ASC", "text"),
    Sort.SLUG_BACKWARDS: ("coalesce(e.slug, '') COLLATE \"C\"", "DESC", "text"),
}
_STATUSES = f"""CASE $1->>'status'
    WHEN '{Status.DRAFT}' THEN p.entry_id IS NULL
    WHEN '{Status.PUBLISHED}' THEN p.version = e.version
    WHEN '{Status.CHANGED}' THEN p.version <> e.version
    ELSE true END"""


def _list(sort: Sort) -> BoundedStatement:
    key, direction, kind = _ORDERS[sort]
    beyond = "<" if direction == "DESC" else ">"
    return BoundedStatement(
        "entries.list",
        f"""SELECT {_JSON} || jsonb_build_object('key', {key}) FROM cms.entries e
            JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
            {_PUBLISHED}
            WHERE e.content_type_id = ($1->>'typeId')::uuid AND {_STATUSES}
              AND ($1->>'onlyOf' IS NULL OR e.created_by = ($1->>'onlyOf')::uuid)
              AND ($1->>'author' IS NULL OR e.created_by = ($1->>'author')::uuid)
              AND ($1->>'slug' IS NULL OR e.slug = $1->>'slug')
              AND ($1->>'since' IS NULL OR e.updated_at >= ($1->>'since')::timestamptz)
              AND ($1->>'until' IS NULL OR e.updated_at < ($1->>'until')::timestamptz)
              AND ($1->>'key' IS NULL
                   OR ({key}, e.id) {beyond} (($1->>'key')::{kind}, ($1->>'id')::uuid))
            ORDER BY {key} {direction}, e.id {direction} LIMIT ($1->>'limit')::int""",
    )


LISTS = {sort: _list(sort) for sort in Sort}
# NULL where there is no list.
_IDS = """CASE WHEN jsonb_typeof($1->'{0}') = 'array'
    THEN ARRAY(SELECT jsonb_array_elements_text($1->'{0}')::uuid) END"""
SEARCH = BoundedStatement(
    "entries.search",
    f"""SELECT jsonb_build_object('rank', f.rank, 'entry', {_JSON})
        FROM cms.search_entries($1->>'text', {_IDS.format("types")}, {_IDS.format("ownTypes")},
                                ($1->>'author')::uuid, ($1->>'limit')::int) f
        JOIN cms.entries e ON e.id = f.entry_id
        JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
        {_PUBLISHED}
        ORDER BY f.rank DESC, e.id DESC""",
)
CREATE = Routine("entries.create", "cms.create_entry")
UPDATE = Statement(
    "entries.update",
    f"""WITH {_CHECKED_TYPE}, e AS (
            UPDATE cms.entries SET slug = $1->>'slug', fields = $1->'fields',
                version = version + 1, updated_at = now(), updated_by = ($1->>'actingUser')::uuid
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
              AND content_type_id = (SELECT id FROM t)
            RETURNING *),
        {_CAUGHT_UP}, {_KEPT}, {noted("$1->>'kind'", "entry", "e", _VERSION_NOTE)}
        SELECT {_JSON} FROM e CROSS JOIN t {_LINK} {_PUBLISHED}""",
)
# Out of the bin: the same entry, in a new version.
UNDELETE = Statement(
    "entries.undelete",
    f"""WITH {_CHECKED_TYPE}, gone AS (
            DELETE FROM cms.binned_entries
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
              AND content_type_id = (SELECT id FROM t)
            RETURNING *),
        e AS (
            INSERT INTO cms.entries ({_COLUMNS}, created_at, created_by, updated_at, updated_by)
            SELECT tenant_id, id, content_type_id, $1->>'slug', $1->'fields', version + 1,
                   created_at, created_by, now(), ($1->>'actingUser')::uuid FROM gone
            RETURNING *),
        {_KEPT}, {noted("'undeleted'", "entry", "e", _VERSION_NOTE)}
        SELECT {_JSON} FROM e CROSS JOIN t {_LINK} {_PUBLISHED}""",
)
PUBLISH = Statement(
    "entries.publish",
    f"""WITH {_CHECKED_TYPE}, e AS (
            SELECT * FROM cms.entries
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int
              AND content_type_id = (SELECT id FROM t) FOR NO KEY UPDATE),
        changed AS (
            INSERT INTO cms.published_entries (tenant_id, entry_id, content_type_id, slug, fields,
                                               version)
            SELECT e.tenant_id, e.id, e.content_type_id, e.slug, e.fields, e.version FROM e
            ON CONFLICT (tenant_id, entry_id) DO UPDATE SET slug = excluded.slug,
                fields = excluded.fields, version = excluded.version, published_at = now()
            RETURNING *),
        marked AS (
            INSERT INTO cms.entry_versions (tenant_id, entry_id, version, content_type_id, kind,
                slug, fields, created_at, created_by, published_at, published_by)
            SELECT e.tenant_id, e.id, e.version, e.content_type_id, 'saved', e.slug, e.fields,
                   e.updated_at, e.updated_by, now(), ($1->>'actingUser')::uuid FROM e
            ON CONFLICT (tenant_id, entry_id, version) DO UPDATE
                SET published_at = excluded.published_at, published_by = excluded.published_by),
        {noted("'published'", "entry", "e", _PUBLISH_NOTE)},
        {_NEXT_GENERATION}
        SELECT {_JSON} || jsonb_build_object('generation', generation.generation)
        FROM e CROSS JOIN t JOIN changed p ON p.entry_id = e.id {_PUBLISH_LINKS}
        CROSS JOIN generation""",
)
# The entry is locked first, as by the others: a delete would wait for this, and this for it.
UNPUBLISH = Statement(
    "entries.unpublish",
    f"""WITH e AS (
            SELECT id FROM cms.entries
            WHERE id = ($1->>'id')::uuid
              AND version = coalesce(($1->>'version')::int, version) FOR NO KEY UPDATE),
        changed AS (
            DELETE FROM cms.published_entries WHERE entry_id = (SELECT id FROM e)
            RETURNING entry_id AS id, version),
        {noted("'unpublished'", "entry", "changed", _PUBLISH_NOTE)},
        {_NEXT_GENERATION}
        SELECT jsonb_build_object('generation', generation) FROM generation""",
)
# A delete always counts: the entry may be published by another statement while this one waits.
DELETE = Statement(
    "entries.delete",
    f"""WITH changed AS (
            DELETE FROM cms.entries
            WHERE id = ($1->>'id')::uuid AND version = ($1->>'version')::int RETURNING *),
        binned AS (
            INSERT INTO cms.binned_entries ({_COLUMNS}, created_at, created_by, updated_at,
                                            updated_by, deleted_by)
            SELECT {_COLUMNS}, created_at, created_by, updated_at, updated_by,
                   ($1->>'actingUser')::uuid FROM changed),
        {noted("'deleted'", "entry", "changed", _VERSION_NOTE)},
        {_NEXT_GENERATION}
        SELECT jsonb_build_object('generation', generation) FROM generation""",
)


def _lock(name: str, strength: str) -> Statement:
    """The type first, as whoever changes it has it before its entries."""
    return Statement(
        name,
        f"""WITH t AS (
                SELECT id FROM cms.content_types WHERE id = ($1->>'typeId')::uuid FOR KEY SHARE),
            e AS (
                SELECT id FROM cms.entries
                WHERE EXISTS (SELECT FROM t)
                  AND id IN (SELECT jsonb_array_elements_text($1->'ids')::uuid)
                ORDER BY id {strength})
            SELECT to_jsonb(count(*)) FROM e""",
    )


# Only who deletes an entry keeps others from beginning to refer to it: these have the tenant's
# counters by then, for which whoever publishes it would wait.
LOCK = _lock("entries.lock", "FOR NO KEY UPDATE")
LOCK_TO_DELETE = _lock("entries.lock_to_delete", "FOR UPDATE")
# The same of one entry, whatever its type.
LOCK_ONE_TO_DELETE = Statement(
    "entries.lock_one_to_delete",
    """WITH t AS (
           SELECT t.id FROM cms.content_types t
           WHERE t.id = (SELECT content_type_id FROM cms.entries WHERE id = ($1->>'id')::uuid)
           FOR KEY SHARE),
       e AS (
           SELECT id FROM cms.entries
           WHERE EXISTS (SELECT FROM t) AND id = ($1->>'id')::uuid FOR UPDATE)
       SELECT to_jsonb(count(*)) FROM e""",
)
