"""How a connection to a database is made."""

from enum import StrEnum

from cms_service.core.credentials.sources import Credentials
from cms_service.core.postgres import session_settings
from cms_service.core.postgres.pool import Connection
from cms_service.core.postgres.servers import Servers
from cms_service.core.settings.database_url import DatabaseUrl

_CONNECT_SECONDS = 5.0
_PREPARED_STATEMENTS = 100
# Beyond what the server gives a statement: then it is the server that does not answer.
_ANSWER_SECONDS = session_settings.STATEMENT_SECONDS + 2.0
# Waited for a connection, or for a lock of the replica's replay: the primary may answer sooner.
REPLICA_WAIT_SECONDS = 1.0


class DatabaseName(StrEnum):
    """The label of the metrics."""

    PRIMARY = "primary"
    REPLICA = "replica"


class LogIn:
    """Connects as whoever it is given. Raises what asyncpg raises."""

    def __init__(self, name: DatabaseName, url: DatabaseUrl) -> None:
        self._url = url
        self._is_replica = name is DatabaseName.REPLICA
        self._servers = Servers(url, _target(name, url))

    async def __call__(self, credentials: Credentials) -> Connection:
        lock_seconds = REPLICA_WAIT_SECONDS if self._is_replica else session_settings.LOCK_SECONDS
        pooled = self._url.pgbouncer
        return await self._servers.connect(
            credentials,
            _CONNECT_SECONDS,
            command_timeout=_ANSWER_SECONDS,
            statement_cache_size=0 if pooled else _PREPARED_STATEMENTS,
            # PgBouncer takes none; the role has what counts.
            server_settings=None if pooled else session_settings.of_connection(lock_seconds),
        )


def _target(name: DatabaseName, url: DatabaseUrl) -> str | None:
    """After a failover a name may lead to a standby for a while. Not so with PgBouncer, which tells
    each client what the first server was, and looks for the primary itself.
    """
    if name is DatabaseName.PRIMARY and url.target is None and not url.pgbouncer:
        return "primary"
    return url.target
