# ruff: noqa: S608 - the statements are put together from constants of this module
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.audit.statements import noted
from cms_service.core.errors import Conflict
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.hosts.schemas import Host

_JSON = "jsonb_build_object('id', h.id, 'host', h.host, 'createdAt', h.created_at)"

_NOTE = "jsonb_build_object('host', host)"

_GET = Statement(
    "hosts.get", f"SELECT {_JSON} FROM cms.tenant_hosts h WHERE h.id = ($1->>'id')::uuid"
)
_LIST = Statement(
    "hosts.list",
    f"SELECT {_JSON} FROM cms.tenant_hosts h WHERE {newest_first('h')}",
)
_INSERT = Statement(
    "hosts.insert",
    f"""WITH h AS (
            INSERT INTO cms.tenant_hosts (tenant_id, id, host, tenant_name)
            SELECT t.id, ($1->>'id')::uuid, $1->>'host', t.name FROM cms.tenants t
            RETURNING *),
        {noted("'created'", "host", "h", _NOTE)}
        SELECT {_JSON} FROM h""",
)
_DELETE = Statement(
    "hosts.delete",
    f"""WITH h AS (DELETE FROM cms.tenant_hosts WHERE id = ($1->>'id')::uuid RETURNING *),
        {noted("'deleted'", "host", "h", _NOTE)}
        SELECT {_JSON} FROM h""",
)
_TENANTS = """
SELECT host, tenant FROM unnest($1::text[]) AS host, cms.tenant_of_host(host) AS tenant
WHERE tenant IS NOT NULL
"""


class HostRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def tenants_of(self, hosts: list[str]) -> dict[str, str]:
        """The tenants' names, of those hosts that have one. Raises Unavailable."""
        rows = await self._database.fetch("hosts.tenants", _TENANTS, hosts)
        return {row["host"]: row["tenant"] for row in rows}

    async def get(self, tenant_id: UUID, host_id: UUID) -> Host | None:
        rows = await self._database.query(tenant_id, _GET, id=host_id)
        return _host(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[Host]:
        rows = await self._database.query(tenant_id, _LIST, **page_values(limit, after))
        return [_host(row) for row in rows]

    async def insert(self, tenant_id: UUID, host_id: UUID, host: str) -> Host:
        """Raises Conflict for a name that is taken."""
        try:
            rows = await self._database.query(tenant_id, _INSERT, id=host_id, host=host)
        except asyncpg.UniqueViolationError:
            raise Conflict(f"The host name {host} is taken.") from None
        return _host(rows[0])

    async def delete(self, tenant_id: UUID, host_id: UUID) -> Host | None:
        rows = await self._database.query(tenant_id, _DELETE, id=host_id)
        return _host(rows[0]) if rows else None


def _host(row: dict[str, Any]) -> Host:
    return Host.model_validate(row)
