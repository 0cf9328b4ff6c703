# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cms_service.audit.statements import noted
from cms_service.core.bounded import BoundedStatement, Rows, bounded
from cms_service.core.database import Database, Scope
from cms_service.core.statements import Statement
from cms_service.locales.schemas import Locales

_GET = Statement("locales.get", "SELECT t.locales FROM cms.tenants t")
_LOCK_TYPES = Statement(
    "locales.lock_types",
    """WITH t AS (SELECT id FROM cms.content_types ORDER BY id FOR UPDATE)
       SELECT to_jsonb(count(*)) FROM t""",
)
_TYPES = BoundedStatement(
    "locales.types",
    """SELECT jsonb_build_object('id', t.id, 'name', t.name, 'fields', t.fields)
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
_USES = Statement(
    "locales.uses",
    """SELECT jsonb_build_object('entries', count(*)) FROM cms.entries e
       LEFT JOIN cms.published_entries p ON p.tenant_id = e.tenant_id AND p.entry_id = e.id
       WHERE e.content_type_id = ($1->>'typeId')::uuid AND EXISTS (
           SELECT FROM jsonb_array_elements_text($1->'paths') AS at(path)
           WHERE jsonb_path_exists(e.fields, at.path::jsonpath)
              OR jsonb_path_exists(p.fields, at.path::jsonpath))""",
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

    async def current(self, scope: Scope) -> Locales:
        return Locales.model_validate((await scope.query(_GET))[0])

    async def lock_types(self, scope: Scope) -> None:
        """Keeps entries from being written until the transaction ends."""
        await scope.query(_LOCK_TYPES)

    async def types(self, scope: Scope, after: str | None) -> Rows[dict[str, Any]]:
        """Each one's id, name and fields."""
        return bounded(await scope.query(_TYPES, after=after))

    async def update(self, scope: Scope, locales: Locales) -> int:
        """The tenant's new generation."""
        rows = await scope.query(_UPDATE, locales=locales.model_dump(mode="json", by_alias=True))
        generation: int = rows[0]["generation"]
        return generation

    async def entries_with(self, scope: Scope, type_id: str, paths: Sequence[str]) -> int:
        """How many have something at one of these SQL/JSON paths, as draft or published."""
        rows = await scope.query(_USES, typeId=type_id, paths=paths)
        count: int = rows[0]["entries"]
        return count

    async def touch_types(self, scope: Scope, type_ids: Sequence[str]) -> None:
        """Entries that were checked against the former locales are checked again."""
        await scope.query(_TOUCH_TYPES, ids=type_ids)
