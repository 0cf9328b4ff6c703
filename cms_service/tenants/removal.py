# ruff: noqa: S608 - tables are named by the catalogue
"""Removes a tenant for good. Needs the tables' owner: the service's role may not delete them.

It is closed first, for its name to lead nowhere on any pod. Then its rows go in short rounds, and
the tenant's own row in the end. What is stopped half-way is gone on with by doing it again.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from graphlib import TopologicalSorter
from typing import Any
from uuid import UUID

import asyncpg

logger = logging.getLogger(__name__)

# Longer than pods use what they know of a tenant.
_UNNOTICED_SECONDS = 2.0
_ROUND_ROWS = 200
# A round that meets a request which is still under way gives way to it.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '2s'"
_ATTEMPTS = 30

_SET_TENANT = "SELECT set_config('cms.tenant', $1, true)"
_LOOK_UP_ALSO_CLOSED = "SELECT set_config('cms.removed_tenant', $1, true)"
_FIND = "SELECT id FROM cms.tenants WHERE name = $1"
_CLOSE = """
UPDATE cms.tenants SET closed_at = now() WHERE id = $1 AND closed_at IS NULL RETURNING session_user
"""
# Requests that have begun before it was closed, and still add something, wait for this and fail.
_LOCK = "SELECT FROM cms.tenants WHERE id = $1 FOR UPDATE"
_TABLES = """
SELECT format('cms.%I', c.relname) AS name, ARRAY(
    SELECT format('cms.%I', t.relname) FROM pg_constraint f JOIN pg_class t ON t.oid = f.confrelid
    WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid) AS refers_to
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'cms'::regnamespace AND c.relkind = 'r'
ORDER BY name
"""
_HOSTS = "cms.tenant_hosts"


Sleep = Callable[[float], Awaitable[None]]


async def remove_by_name(connection: Any, name: str, sleep: Sleep = asyncio.sleep) -> bool:
    """False where there is no such tenant. Raises what `remove` raises."""
    tenant_id = await close(connection, name)
    if tenant_id is None:
        return False
    rows = sum([taken async for taken in remove(connection, tenant_id, sleep)])
    logger.info("tenant removed", extra={"tenant": name, "tenantId": str(tenant_id), "rows": rows})
    return True


async def close(connection: Any, name: str) -> UUID | None:
    """Nobody gets in from now on, on any pod within a second. None where there is no such tenant,
    not even a closed one.
    """
    async with connection.transaction():
        await connection.execute(_LOOK_UP_ALSO_CLOSED, name)
        tenant_id: UUID | None = await connection.fetchval(_FIND, name)
        if tenant_id is None:
            return None
        await connection.execute(_SET_TENANT, str(tenant_id))
        by = await connection.fetchval(_CLOSE, tenant_id)
    if by is not None:
        logger.info(
            "tenant closed",
            extra={"tenant": name, "tenantId": str(tenant_id), "databaseUser": by},
        )
    return tenant_id


async def remove(
    connection: Any, tenant_id: UUID, sleep: Sleep = asyncio.sleep
) -> AsyncGenerator[int, None]:
    """What `close` has closed. Yields how many rows each round took, and ends when the tenant is
    gone. Raises LockNotAvailableError where somebody keeps its rows for a minute.
    """
    await sleep(_UNNOTICED_SECONDS)
    tables = await _tables(connection)
    # Counting what goes may make counters anew, so that one look at each table is not enough.
    found = True
    while found:
        found = False
        for table in tables:
            if table == _HOSTS:  # not to be given to others yet
                continue
            while taken := await _round(connection, table, tenant_id, sleep):
                found = True
                yield taken
    yield await _patiently(lambda: _end(connection, tables, tenant_id), sleep)


async def _tables(connection: Any) -> list[str]:
    """Those with rows of tenants, each before those that it refers to."""
    refers_to = {row["name"]: row["refers_to"] for row in await connection.fetch(_TABLES)}
    referring: dict[str, list[str]] = {table: [] for table in refers_to}
    for table, targets in refers_to.items():
        for target in targets:
            if target in referring:
                referring[target].append(table)
    return list(TopologicalSorter(referring).static_order())


async def _round(connection: Any, table: str, tenant_id: UUID, sleep: Sleep) -> int:
    async def attempt() -> int:
        async with connection.transaction():
            await _enter(connection, tenant_id)
            return await _take(connection, table, tenant_id)

    return await _patiently(attempt, sleep)


async def _end(connection: Any, tables: Iterable[str], tenant_id: UUID) -> int:
    async with connection.transaction():
        await _enter(connection, tenant_id)
        await connection.execute(_LOCK, tenant_id)
        rows = 0
        while taken := sum([await _take(connection, table, tenant_id) for table in tables]):
            rows += taken
        await connection.execute("DELETE FROM cms.tenants WHERE id = $1", tenant_id)
    return rows + 1


async def _enter(connection: Any, tenant_id: UUID) -> None:
    await connection.execute(_LOCK_TIMEOUT)
    await connection.execute(_SET_TENANT, str(tenant_id))


async def _take(connection: Any, table: str, tenant_id: UUID) -> int:
    """Where there is nothing, nothing is deleted either: that too would begin counters."""
    some = f"SELECT ctid FROM {table} WHERE tenant_id = $1 LIMIT {_ROUND_ROWS}"
    if await connection.fetchval(some, tenant_id) is None:
        return 0
    delete = f"DELETE FROM {table} WHERE tenant_id = $1 AND ctid = ANY (ARRAY({some}))"
    tag: str = await connection.execute(delete, tenant_id)
    return int(tag.removeprefix("DELETE "))


async def _patiently(attempt: Callable[[], Awaitable[int]], sleep: Sleep) -> int:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await attempt()
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            await sleep(0.1)
    return await attempt()
