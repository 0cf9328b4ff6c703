"""What keeps the database from answering, told in the API's words: none of them shows addresses,
names or numbers of the server.
"""

import asyncpg

from cms_service.core.credentials.sources import CredentialsUnavailableError
from cms_service.core.postgres.connector import RoleRefusedError

# What says that the database is away or cannot take more, not that a statement is wrong.
AWAY = (
    OSError,  # a time-out is one
    CredentialsUnavailableError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # of a connection that the server has just ended
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,  # its disk fails
    asyncpg.ReadOnlySQLTransactionError,
)


class NotConnectedError(ConnectionError):
    """No connection could be made, because of its cause."""


_LOST = "The connection to the database was lost."
# The first that fits counts.
_DETAILS: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.DiskFullError, "The database's disk is full."),
    (asyncpg.TooManyConnectionsError, "The database takes no more connections."),
    (asyncpg.InsufficientResourcesError, "The database cannot take more at the moment."),
    (asyncpg.CannotConnectNowError, "The database is starting or shutting down."),
    (asyncpg.AdminShutdownError, _LOST),
    (asyncpg.CrashShutdownError, _LOST),
    (asyncpg.ConnectionDoesNotExistError, _LOST),  # what most of either come as
    (asyncpg.PostgresSystemError, "The database's machine has a fault."),
    (asyncpg.ReadOnlySQLTransactionError, "The database takes no writes at the moment."),
    (TimeoutError, "The database does not answer in time."),
)
_REFUSING = (RoleRefusedError, asyncpg.PostgresError)


def detail_of(error: BaseException) -> str:
    """`error` is one of AWAY."""
    reason = error.__cause__ if isinstance(error, NotConnectedError) else error
    for kind, detail in _DETAILS:
        if isinstance(reason, kind):
            return detail
    if reason is not error and isinstance(reason, _REFUSING):
        return "The database does not let the service in."
    return "The database cannot be reached."
