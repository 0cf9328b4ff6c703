# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from cms_service.audit.statements import noted
from cms_service.core.background.due import DueEntry
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.bounded import BoundedStatement, Rows, bounded
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.recycle_bin.schemas import BinnedEntry

# Made of the rows b (a binned entry) and t (its type).
_JSON = """jsonb_build_object('id', b.id, 'type', t.name, 'version', b.version, 'slug', b.slug,
    'fields', b.fields, 'createdAt', b.created_at, 'createdBy', b.created_by,
    'updatedAt', b.updated_at, 'updatedBy', b.updated_by,
    'deletedAt', b.deleted_at, 'deletedBy', b.deleted_by)"""
_FROM = """FROM cms.binned_entries b
    JOIN cms.content_types t ON t.tenant_id = b.tenant_id AND t.id = b.content_type_id
    WHERE t.name = $1->>'type'"""

_GET = Statement("bin.get", f"SELECT {_JSON} {_FROM} AND b.id = ($1->>'id')::uuid")
_LIST = BoundedStatement(
    "bin.list",
    f"""SELECT {_JSON} {_FROM}
          AND ($1->>'onlyOf' IS NULL OR b.created_by = ($1->>'onlyOf')::uuid)
          AND {newest_first("b", "deleted_at")}""",
)
_PURGE = Statement(
    "bin.purge",
    f"""WITH gone AS (
            DELETE FROM cms.binned_entries b USING cms.content_types t
            WHERE b.id = ($1->>'id')::uuid
              AND t.tenant_id = b.tenant_id AND t.id = b.content_type_id
              AND t.name = coalesce($1->>'type', t.name)
              AND b.deleted_at < now() - make_interval(days => ($1->>'days')::int)
            RETURNING b.id),
        versions AS (
            DELETE FROM cms.entry_versions v USING gone WHERE v.entry_id = gone.id),
        {noted("'purged'", "entry", "gone")}
        SELECT to_jsonb(gone.id) FROM gone""",
)
# Nobody waits for long in a tenant in which somebody writes: others come next.
_PATIENCE = Statement("bin.patience", "SELECT to_jsonb(set_config('lock_timeout', '1s', true))")
_DUE = "SELECT tenant_id, entry_id FROM cms.due_bin($1, $2, $3)"


class BinRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant_id: UUID, type_name: str, entry_id: UUID) -> BinnedEntry | None:
        rows = await self._database.query(tenant_id, _GET, type=type_name, id=entry_id)
        return _binned(rows[0]) if rows else None

    async def page(
        self,
        tenant_id: UUID,
        type_name: str,
        limit: int,
        after: Cursor | None,
        only_of: UUID | None,
    ) -> Rows[BinnedEntry]:
        """`only_of`: the user whose entries are asked for, where not all are."""
        rows = await self._database.query(
            tenant_id,
            _LIST,
            type=type_name,
            onlyOf=only_of,
            **page_values(limit, after),
        )
        return bounded(rows).map(_binned)

    async def purge(self, tenant_id: UUID, type_name: str, entry_id: UUID) -> bool:
        """Deletes the entry and all its versions for good."""
        return bool(
            await self._database.query(tenant_id, _PURGE, type=type_name, id=entry_id, days=0)
        )

    async def due(self, days: int, limit: int, without: Sequence[UUID]) -> list[DueEntry]:
        """What has its time over in all the bins, without those entries."""
        rows = await self._database.fetch("bin.due", _DUE, days, limit, without)
        return [DueEntry(UUID(str(row["tenant_id"])), UUID(str(row["entry_id"]))) for row in rows]

    async def purge_due(self, due: DueEntry, days: int) -> None:
        """Purges the entry unless it was taken out meanwhile, or put in anew."""
        async with self._database.transaction(due.tenant_id) as scope:
            await scope.query(_PATIENCE)
            await scope.query(_PURGE, type=None, id=due.entry_id, days=days)


def _binned(row: dict[str, Any]) -> BinnedEntry:
    return BinnedEntry.model_validate(row)
