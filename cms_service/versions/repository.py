# ruff: noqa: S608 - the statements are put together from constants of this module
from uuid import UUID

from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.versions.schemas import Version, VersionSummary

_SUMMARY = """jsonb_build_object('version', v.version, 'kind', v.kind,
    'restoredFrom', v.restored_from, 'slug', v.slug, 'createdAt', v.created_at,
    'createdBy', v.created_by, 'publishedAt', v.published_at, 'publishedBy', v.published_by)"""

_GET = Statement(
    "versions.get",
    f"""SELECT {_SUMMARY} || jsonb_build_object('fields', v.fields) FROM cms.entry_versions v
        WHERE v.entry_id = ($1->>'id')::uuid AND v.version = ($1->>'version')::int""",
)
_LIST = Statement(
    "versions.list",
    f"""SELECT {_SUMMARY} FROM cms.entry_versions v
        WHERE v.entry_id = ($1->>'id')::uuid
          AND v.version < coalesce(($1->>'before')::int, 2147483647)
        ORDER BY v.version DESC LIMIT ($1->>'limit')::int""",
)


class VersionRepository:
    """The versions of entries that the caller has found in the tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, tenant_id: UUID, entry_id: UUID, version: int) -> Version | None:
        rows = await self._database.query(tenant_id, _GET, id=entry_id, version=version)
        return Version.model_validate(rows[0]) if rows else None

    async def page(
        self, tenant_id: UUID, entry_id: UUID, limit: int, before: int | None
    ) -> list[VersionSummary]:
        rows = await self._database.query(tenant_id, _LIST, id=entry_id, limit=limit, before=before)
        return [VersionSummary.model_validate(row) for row in rows]
