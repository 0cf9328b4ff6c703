# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from cms_service.audit.statements import noted
from cms_service.core.postgres.bounded import BoundedStatement, Rows, bounded
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.locales.schemas import Locales

# Entries that one statement looks at.
BATCH = 5000
MOST_NEW = 20_000

_GET = Statement("locales.get", "SELECT t.locales FROM cms.tenants t")
# Longer than any transaction takes: a hundred statements of ten seconds.
_NOW = Statement("locales.now", "SELECT jsonb_build_object('since', now() - interval '20 minutes')")
_LOCK_TYPES = Statement(
    "locales.lock_types",
    """WITH t AS (SELECT id FROM cms.content_types ORDER BY id FOR UPDATE)
       SELECT to_jsonb(count(*)) FROM t""",
)
_TYPES = BoundedStatement(
    "locales.types",
    """SELECT jsonb_build_object('id', t.id, 'version', t.version, 'name', t.name,
           'fields', t.fields)
       FROM cms.content_types t
       WHERE $1->>'after' IS NULL OR t.id > ($1->>'after')::uuid ORDER BY t.id""",
)
_UPDATE = Statement(
    "locales.update",
    f"""WITH t AS (
           UPDATE cms.tenants SET locales = $1->'locales',
               generation = cms.next_generation(generation)
           WHERE id = ($1->>'tenant')::uuid RETURNING id, generation),
       {noted("'changed'", "locales", "t", "jsonb_build_object('locales', $1->'locales')")}
       SELECT jsonb_build_object('generation', t.generation) FROM t""",
)
# Of the rows e (entry) and p (its published state). The paths are read once.
_IN_USE = """EXISTS (
    SELECT FROM unnest((SELECT array_agg(path::jsonpath)
                        FROM jsonb_array_elements_text($1->'paths') AS path)) AS at(path)
    WHERE jsonb_path_exists(e.fields, at.path) OR jsonb_path_exists(p.fields, at.path))"""
_PUBLISHED = "LEFT JOIN cms.published_entries p ON p.tenant_id = e.tenant_id AND p.entry_id = e.id"
_USES = Statement(
    "locales.uses",
    f"""WITH looked_at AS (
            SELECT e.created_at, e.id, {_IN_USE} AS used FROM cms.entries e {_PUBLISHED}
            WHERE e.content_type_id = ($1->>'typeId')::uuid
              AND ($1->>'at' IS NULL
                OR (e.created_at, e.id) > (($1->>'at')::timestamptz, ($1->>'after')::uuid))
            ORDER BY e.created_at, e.id LIMIT ($1->>'limit')::int)
        SELECT jsonb_build_object('lookedAt', count(*), 'entries', count(*) FILTER (WHERE used),
            'last', (SELECT jsonb_build_object('at', created_at, 'after', id) FROM looked_at
                     ORDER BY created_at DESC, id DESC LIMIT 1))
        FROM looked_at""",
)
_NEW_USES = Statement(
    "locales.new_uses",
    f"""WITH written AS (
            (SELECT id FROM cms.entries
             WHERE content_type_id = ($1->>'typeId')::uuid
               AND updated_at >= ($1->>'since')::timestamptz
             ORDER BY updated_at DESC, id DESC LIMIT ($1->>'limit')::int)
            UNION
            (SELECT entry_id FROM cms.published_entries
             WHERE content_type_id = ($1->>'typeId')::uuid
               AND published_at >= ($1->>'since')::timestamptz
             ORDER BY published_at DESC, entry_id DESC LIMIT ($1->>'limit')::int))
        SELECT jsonb_build_object('lookedAt', count(*),
            'entries', count(*) FILTER (WHERE {_IN_USE}))
        FROM written w JOIN cms.entries e ON e.id = w.id {_PUBLISHED}""",
)
_TOUCH_TYPES = Statement(
    "locales.touch_types",
    """WITH t AS (
           UPDATE cms.content_types SET version = version + 1
           WHERE id = ANY (ARRAY(SELECT jsonb_array_elements_text($1->'ids')::uuid))
           RETURNING id)
       SELECT to_jsonb(t.id) FROM t""",
)


class LocaleRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, tenant_id: UUID) -> Locales | None:
        rows = await self.database.query(tenant_id, _GET)
        return Locales.model_validate(rows[0]) if rows else None

    async def current(self, transaction: Transaction) -> Locales:
        return Locales.model_validate((await transaction.query(_GET))[0])

    async def lock_types(self, transaction: Transaction) -> None:
        """Keeps entries from being written until the transaction ends."""
        await transaction.query(_LOCK_TYPES)

    async def types(self, transaction: Transaction, after: str | None) -> Rows[dict[str, Any]]:
        """Each one's id, version, name and fields."""
        return bounded(await transaction.query(_TYPES, after=after))

    async def update(self, transaction: Transaction, locales: Locales) -> int:
        """The tenant's new generation."""
        rows = await transaction.query(
            _UPDATE, locales=locales.model_dump(mode="json", by_alias=True)
        )
        generation: int = rows[0]["generation"]
        return generation

    async def now(self, transaction: Transaction) -> str:
        """A moment of the database's clock before which nobody has begun who writes now."""
        (row,) = await transaction.query(_NOW)
        since: str = row["since"]
        return since

    async def entries_with(
        self,
        transaction: Transaction,
        type_id: str,
        paths: Sequence[str],
        before: Callable[[], None],
    ) -> int:
        """How many have something at one of these SQL/JSON paths, as draft or published. They are
        looked at in batches; `before` is called before each, and may raise.
        """
        count = 0
        last: dict[str, object] | None = {"at": None, "after": None}
        while last is not None:
            before()
            (row,) = await transaction.query(
                _USES, typeId=type_id, paths=paths, limit=BATCH, **last
            )
            count += row["entries"]
            last = row["last"] if row["lookedAt"] == BATCH else None
        return count

    async def new_entries_with(
        self, transaction: Transaction, type_id: str, paths: Sequence[str], since: str
    ) -> int | None:
        """The same of those that were written since then; None where these are too many."""
        (row,) = await transaction.query(
            _NEW_USES, typeId=type_id, paths=paths, since=since, limit=MOST_NEW
        )
        count: int = row["entries"]
        return count if row["lookedAt"] < MOST_NEW else None

    async def touch_types(self, transaction: Transaction, type_ids: Sequence[str]) -> None:
        """Entries that were checked against the former locales are checked again."""
        await transaction.query(_TOUCH_TYPES, ids=type_ids)
