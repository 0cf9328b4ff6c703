"""How a connection to a database is made."""

from enum import StrEnum

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from cms_service.core.credentials.sources import Credentials
from cms_service.core.postgres import session_settings
from cms_service.core.postgres.pool import Connection
from cms_service.core.postgres.watched import WatchedConnection
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


async def log_in(name: DatabaseName, url: DatabaseUrl, credentials: Credentials) -> Connection:
    """Raises what asyncpg raises."""
    is_replica = name is DatabaseName.REPLICA
    lock_seconds = REPLICA_WAIT_SECONDS if is_replica else session_settings.LOCK_SECONDS
    return await asyncpg.connect(
        url.dsn,
        connection_class=WatchedConnection,
        user=credentials.username,
        password=credentials.password,
        timeout=_CONNECT_SECONDS,
        command_timeout=_ANSWER_SECONDS,
        statement_cache_size=0 if url.pgbouncer else _PREPARED_STATEMENTS,
        target_session_attrs=_target(name, url),
        # PgBouncer takes none; the role has what counts.
        server_settings=None if url.pgbouncer else session_settings.of_connection(lock_seconds),
    )


def _target(name: DatabaseName, url: DatabaseUrl) -> SessionAttribute | None:
    """After a failover a name may lead to a standby for a while. Not so with PgBouncer, which tells
    each client what the first server was, and looks for the primary itself.
    """
    if name is DatabaseName.PRIMARY and url.target is None and not url.pgbouncer:
        return SessionAttribute.primary
    return None  # what the URL says, if anything
