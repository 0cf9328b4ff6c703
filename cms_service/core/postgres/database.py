"""The pool, and the one way to a tenant's rows.

Every statement is bound to a tenant by the database (row-level security). `cms.tenant_query`
sets the tenant and runs the statement in one round trip; the setting ends with the transaction,
so that a connection carries nothing from one request to the next (PgBouncer in transaction mode
works as well).

How a query finds its connection:
- By itself it takes one from the pool, inside of the tenant's share of them unless `outside_shares`
  says otherwise, and is done again where the database undid it for the sake of another one.
- Within `transaction.joined()` what the same task asks in the same tenant is part of that one, and
  need not know of it: each is undone alone if it fails, which costs a savepoint. For what many
  tasks share, `outside_transactions` ends that for a while.
- Who is handed the transaction (`within`) asks it directly: no savepoint, and an error ends all.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.core.credentials.sources import CredentialSource
from cms_service.core.errors import OVERTAKEN, TookTooLong, Unavailable
from cms_service.core.postgres.asking import Asking
from cms_service.core.postgres.away import AWAY, NotConnectedError, detail_of
from cms_service.core.postgres.connecting import REPLICA_WAIT_SECONDS, DatabaseName, LogIn
from cms_service.core.postgres.connector import Connector, RoleRefusedError
from cms_service.core.postgres.places import NoPlaceError, Tenant
from cms_service.core.postgres.pool import Connection, Pool
from cms_service.core.postgres.redone import Undone, redone
from cms_service.core.postgres.shares import outside_shares, unshared
from cms_service.core.postgres.statements import Asked
from cms_service.core.postgres.transaction import Transaction, ambient, begun
from cms_service.core.settings.database_url import DatabaseUrl
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED, Tracing

logger = logging.getLogger(__name__)

_IDLE_CONNECTION_SECONDS = 300.0
# If more wait they would end in a time-out anyway: refuse at once.
_WAITING_PER_CONNECTION = 10


class Busy(Unavailable):
    """Every connection is in use, by what others ask."""


class Database:
    def __init__(
        self,
        name: DatabaseName,
        url: DatabaseUrl,
        credentials: CredentialSource,
        metrics: Metrics,
        tracing: Tracing = UNTRACED,
    ) -> None:
        self.name = name
        self._url = url
        self._pool: Pool | None = None
        self._connector = Connector(
            name,
            credentials,
            LogIn(name, url),
            metrics.credentials_refused.labels(name).set,
            self._expire,
        )
        self._wait_seconds = url.pool_timeout
        if name is DatabaseName.REPLICA:
            self._wait_seconds = min(self._wait_seconds, REPLICA_WAIT_SECONDS)
        self._asking = Asking(metrics, tracing, url.attributes)
        self._up = metrics.database_up.labels(name)
        self._is_up = False
        self._rejected = metrics.pool_rejected.labels(name)
        metrics.pool_size.labels(name).set(url.connection_limit)
        metrics.pool_waiting.labels(name).set_function(self._waiting)
        metrics.pool_connections.labels(name, "used").set_function(self._used)
        metrics.pool_connections.labels(name, "idle").set_function(self._idle)

    async def open(self) -> None:
        """Makes no connection: a database that is away must not stop a start."""
        size = self._url.connection_limit
        waiting = size * _WAITING_PER_CONNECTION
        self._pool = Pool(self._connect, size, waiting, _IDLE_CONNECTION_SECONDS)

    async def close(self, seconds: float) -> None:
        if self._pool is not None:
            await self._pool.close(seconds)

    async def renew_credentials(self) -> None:
        """Takes credentials that are offered and pass: connections made with the old ones end with
        their present use.
        """
        await self._connector.renew()

    @property
    def objection(self) -> str | None:
        """What keeps connections from being made, where that is the role."""
        return self._connector.objection

    async def query(
        self, tenant_id: UUID, statement: Asked, **values: object
    ) -> list[dict[str, Any]]:
        if (transaction := self.ambient(tenant_id)) is not None:
            async with transaction.nested():
                return await transaction.query(statement, **values)

        async def alone() -> list[dict[str, Any]]:
            async with self._connection(tenant_id) as connection:
                return await self._asking.query(connection, tenant_id, statement, values)

        return await redone(alone)

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Transaction]:
        if (transaction := self.ambient(tenant_id)) is not None:
            async with transaction.nested():
                yield transaction
            return
        async with self._connection(tenant_id) as connection, begun(connection):
            transaction = Transaction(self._asking, connection, tenant_id)
            with outside_shares():
                yield transaction
        transaction.committed()

    async def fetch(
        self, name: str, sql: str, *values: object, tenant_id: UUID | None = None
    ) -> Sequence[asyncpg.Record]:
        """Calls functions that set the tenant themselves, and asks the service's own questions,
        which name none and are in no tenant's share of the connections.
        """
        async with self._connection(tenant_id) as connection:
            return await self._asking.fetch(connection, name, sql, values)

    def ambient(self, tenant_id: UUID) -> Transaction | None:
        """The transaction that this task's questions are part of, if any."""
        return ambient(self._asking, tenant_id)

    def _connection(self, tenant_id: UUID | None) -> "_Lease":
        return _Lease(self, None if tenant_id is None or unshared.get() else tenant_id.int)

    async def acquire(self, tenant: Tenant) -> Connection:
        """A connection that `release` is to be given afterwards. Raises Unavailable."""
        try:
            return await self._open_pool.acquire(tenant, self._wait_seconds)
        except NoPlaceError:
            self._rejected.inc()
            raise Busy("Every database connection is in use.") from None

    def release(self, connection: Connection, error: BaseException | None) -> None:
        self._open_pool.release(connection, error)

    def translate(self, error: BaseException | None) -> None:
        """Notes whether the database is there, and says so in the API's words: raises Unavailable
        or Undone.
        """
        if error is None or isinstance(error, TookTooLong):
            self._note(is_up=True)
        elif isinstance(error, asyncpg.LockNotAvailableError):
            self._note(is_up=True)
            raise Unavailable("Another write has what this one needs: try again.") from None
        elif isinstance(error, AWAY):
            self._note(is_up=False)
            logger.warning(
                "the database is away: %s",
                str(error) or type(error).__name__,
                extra={"database": self.name},
            )
            raise Unavailable(detail_of(error)) from error
        elif isinstance(error, asyncpg.TransactionRollbackError):  # two that wait for each other
            raise Undone(OVERTAKEN) from None

    def _note(self, *, is_up: bool) -> None:
        if is_up is not self._is_up:
            self._is_up = is_up
            self._up.set(is_up)

    @property
    def _open_pool(self) -> Pool:
        if self._pool is None:
            raise Unavailable("The service is starting.")
        return self._pool

    def _waiting(self) -> int:
        return self._pool.waiting if self._pool else 0

    def _used(self) -> int:
        return self._pool.used if self._pool else 0

    def _idle(self) -> int:
        return self._pool.idle if self._pool else 0

    async def _connect(self) -> Connection:
        """Whatever keeps a connection from being made, to a request the database is away."""
        try:
            return await self._connector.connect()
        except RoleRefusedError as error:
            raise NotConnectedError(str(error)) from error
        except (asyncpg.PostgresError, TimeoutError) as error:
            raise NotConnectedError(type(error).__name__) from error

    def _expire(self) -> None:
        if self._pool is not None:
            self._pool.expire()


class _Lease:
    """A connection for one use, which carries nothing to the next: settings end with their
    transaction, and nothing else is kept.
    """

    __slots__ = ("_connection", "_database", "_tenant")

    def __init__(self, database: Database, tenant: Tenant) -> None:
        self._database = database
        self._tenant = tenant

    async def __aenter__(self) -> Connection:
        try:
            self._connection = await self._database.acquire(self._tenant)
        except Exception as error:
            self._database.translate(error)
            raise
        return self._connection

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._database.release(self._connection, error)
        self._database.translate(error)
