# ruff: noqa: S608 - the statements are put together from constants of this module
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from cms_service.audit.schemas import AuditEntry
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement

_JSON = """jsonb_build_object('id', a.id, 'at', a.at, 'actor', a.actor_id,
    'actorKind', a.actor_kind, 'action', a.action,
    'objectKind', a.object_kind, 'objectId', a.object_id, 'details', a.details)"""

_LIST = Statement(
    "audit.list",
    f"""SELECT {_JSON} FROM cms.audit_log a
        WHERE ($1->>'actorId' IS NULL OR a.actor_id = ($1->>'actorId')::uuid)
          AND ($1->>'objectId' IS NULL OR a.object_id = ($1->>'objectId')::uuid)
          AND ($1->>'action' IS NULL OR a.action = $1->>'action')
          AND ($1->>'kind' IS NULL OR a.object_kind = $1->>'kind')
          AND ($1->>'since' IS NULL OR a.at >= ($1->>'since')::timestamptz)
          AND ($1->>'until' IS NULL OR a.at < ($1->>'until')::timestamptz)
          AND {newest_first("a", "at")}""",
)
_LOG_IN = Statement(
    "audit.log_in",
    """INSERT INTO cms.audit_log (tenant_id, actor_id, actor_kind, action, object_kind, object_id)
       VALUES (($1->>'tenant')::uuid, ($1->>'by')::uuid,
               CASE WHEN $1->>'by' IS NOT NULL THEN 'user' END, $1->>'action', 'user',
               ($1->>'userId')::uuid)
       RETURNING to_jsonb(true)""",
)
_PURGE = "SELECT cms.purge_audit_log($1, $2) AS gone"


@dataclass(frozen=True)
class AuditFilter:
    actor_id: UUID | None = None
    object_id: UUID | None = None
    action: str | None = None
    kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, tenant_id: UUID, wanted: AuditFilter, limit: int, after: Cursor | None
    ) -> list[AuditEntry]:
        rows = await self._database.query(
            tenant_id,
            _LIST,
            actorId=wanted.actor_id,
            objectId=wanted.object_id,
            action=wanted.action,
            kind=wanted.kind,
            since=wanted.since,
            until=wanted.until,
            **page_values(limit, after),
        )
        return [AuditEntry.model_validate(row) for row in rows]

    async def note_log_in(self, tenant_id: UUID, user_id: UUID, *, succeeded: bool) -> None:
        """Who failed is not known to be the user."""
        await self._database.query(
            tenant_id,
            _LOG_IN,
            userId=user_id,
            by=user_id if succeeded else None,
            action="logged-in" if succeeded else "log-in-failed",
        )

    async def purge(self, days: int, limit: int) -> int:
        """How many of all tenants' notes are gone that were older."""
        rows = await self._database.fetch("audit.purge", _PURGE, days, limit)
        gone: int = rows[0]["gone"]
        return gone
