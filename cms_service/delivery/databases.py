"""Published content is read from the replica where there is one, and from the primary when the
replica is away or busy, or has not seen yet what the reader is owed.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from uuid import UUID

import asyncpg

from cms_service.core.caching.single_flight import SingleFlight
from cms_service.core.errors import TookTooLong, Unavailable
from cms_service.core.postgres.database import Busy, Database
from cms_service.core.postgres.redone import Undone
from cms_service.core.telemetry.metrics import Metrics
from cms_service.tenants.schemas import TenantState

logger = logging.getLogger(__name__)

_ANSWER_SECONDS = 1.0
# After a failure one request tries again each time so long has passed; the others do not wait.
_PAUSE_SECONDS = 5.0


class DeliveryDatabases:
    def __init__(
        self,
        primary: Database,
        replica: Database | None,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._primary = primary
        self._replica = replica
        names = [database.name for database in (primary, replica) if database is not None]
        self._reads = {name: metrics.delivery_reads.labels(name) for name in names}
        self._clock = clock
        self._away = False
        self._ask_again_at = float("-inf")
        self._probes = SingleFlight[bool]()

    async def fetch_content(
        self, name: str, sql: str, tenant: TenantState, *values: object
    ) -> asyncpg.Record | None:
        """The same as fetch_row, counted by the database that answers."""
        database, row = await self._fetch(name, sql, tenant, values)
        self._reads[database.name].inc()
        return row

    async def fetch_row(
        self, name: str, sql: str, tenant: TenantState, *values: object
    ) -> asyncpg.Record | None:
        """The first row; `$1` of the statement is the tenant's id and its column `generation` the
        tenant's generation.
        """
        _, row = await self._fetch(name, sql, tenant, values)
        return row

    async def _fetch(
        self, name: str, sql: str, tenant: TenantState, values: Sequence[object]
    ) -> tuple[Database, asyncpg.Record | None]:
        if self._replica is not None and self._may_ask_replica():
            row = await self._from_replica(self._replica, name, sql, tenant.id, *values)
            if row is not None and (row["generation"] or 0) >= tenant.generation:
                return self._replica, row
        rows = await self._primary.fetch(name, sql, tenant.id, *values, tenant_id=tenant.id)
        return self._primary, rows[0] if rows else None

    async def _from_replica(
        self, replica: Database, name: str, sql: str, tenant_id: UUID, *values: object
    ) -> asyncpg.Record | None:
        """None where it does not know the tenant or cannot answer. Whatever it objects to (a
        conflict with its replay, a schema that has not reached it yet), the primary is asked then.
        What is slow here would be slow there, and stays.
        """
        answer = asyncio.ensure_future(
            replica.fetch(name, sql, tenant_id, *values, tenant_id=tenant_id)
        )
        try:
            await asyncio.wait({answer}, timeout=_ANSWER_SECONDS)
            if not (answer.done() or await self._is_there(replica) or answer.done()):
                self._note_away("TimeoutError")
                return None
            rows = await answer
        except TookTooLong:
            raise
        except (Busy, Undone, asyncpg.PostgresError):
            return None
        except Unavailable as error:
            self._note_away(type(error.__cause__).__name__)
            return None
        finally:
            answer.cancel()
        self._away = False
        self._ask_again_at = float("-inf")
        return rows[0] if rows else None

    async def _is_there(self, replica: Database) -> bool:
        """A statement that takes its time says nothing of the replica."""

        async def ask() -> bool:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    await replica.fetch("delivery.probe", "SELECT 1")
            except (TimeoutError, Unavailable, asyncpg.PostgresError):
                return False
            return True

        return await self._probes.run("replica", ask)

    def _note_away(self, reason: str) -> None:
        if not self._away:
            logger.warning("the read replica does not answer: %s", reason)
        self._away = True
        self._ask_again_at = self._clock() + _PAUSE_SECONDS

    def _may_ask_replica(self) -> bool:
        now = self._clock()
        if now < self._ask_again_at:
            return False
        if self._away:
            self._ask_again_at = now + _PAUSE_SECONDS
        return True
