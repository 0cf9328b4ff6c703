"""Statements, with the time that they take and what their errors mean."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.core.acting import acting_values
from cms_service.core.errors import LimitReached, TookTooLong
from cms_service.core.postgres import session_settings
from cms_service.core.postgres.pool import Connection
from cms_service.core.postgres.statements import Asked
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import Tracing

logger = logging.getLogger(__name__)

# Raised by the triggers that count what a tenant has.
_LIMIT_REACHED = "HC001"


class Asking:
    """Asks one database; `attributes` tell traces of it."""

    def __init__(
        self, metrics: Metrics, tracing: Tracing, attributes: Mapping[str, str | int]
    ) -> None:
        self._query_seconds = metrics.query_seconds
        self._span = tracing.client(
            {"db.system.name": "postgresql", **attributes}, "db.query.summary"
        )

    async def query(
        self,
        connection: Connection,
        tenant_id: UUID,
        statement: Asked,
        values: dict[str, object],
    ) -> list[dict[str, Any]]:
        own = {"tenant": str(tenant_id), **acting_values()}
        args = orjson.dumps({**values, **own}).decode()
        rows = await self.fetch(connection, statement.name, *statement.call(tenant_id, args))
        return [orjson.loads(row[0]) for row in rows]

    async def fetch(
        self, connection: Connection, name: str, sql: str, values: Sequence[object]
    ) -> Sequence[asyncpg.Record]:
        started = time.perf_counter()
        try:
            with self._span(name):
                rows: Sequence[asyncpg.Record] = await connection.fetch(sql, *values)
        except asyncpg.QueryCanceledError:
            logger.warning("a statement took too long", extra={"statement": name})
            raise TookTooLong(
                f"This takes longer than {session_settings.STATEMENT_SECONDS} s: ask for less."
            ) from None
        except asyncpg.PostgresError as error:
            if error.sqlstate == _LIMIT_REACHED:
                raise LimitReached(f"The tenant may have at most {error.detail}.") from None
            raise
        else:
            return rows
        finally:
            self._query_seconds.labels(name).observe(time.perf_counter() - started)
