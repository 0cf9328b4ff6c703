"""What went wrong, in one sentence that a platform engineer can act on. Never holds a
credential: only texts made here go out, except PostgreSQL's own message for what nobody has
foreseen.
"""

import asyncio
import socket

import asyncpg

from cms_service.core.credentials.sources import CredentialsUnavailableError
from cms_service.migrations.errors import MigrationError


def explain(error: BaseException, place: str) -> str:
    """`place` is host and database as the reader knows them."""
    if isinstance(error, MigrationError):
        return str(error)
    for kinds, sentence in _SENTENCES:
        if isinstance(error, kinds):
            return sentence.format(place=place)
    if isinstance(error, asyncpg.PostgresError):
        return f"PostgreSQL refused a statement on {place}: {error.message}."[:500]
    return f"Unexpected error on {place}: {type(error).__name__}."


_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (CredentialsUnavailableError,),
        "The credentials for the database are missing or cannot be read.",
    ),
    ((socket.gaierror,), "The host of {place} cannot be found."),
    ((ConnectionRefusedError, FileNotFoundError), "Nothing answers at {place}."),
    ((TimeoutError, asyncio.TimeoutError), "{place} did not answer in time."),
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        "PostgreSQL at {place} refused the user name or the password.",
    ),
    ((asyncpg.InvalidCatalogNameError,), "The database of {place} does not exist."),
    ((asyncpg.TooManyConnectionsError,), "PostgreSQL at {place} has no connection left."),
    (
        (asyncpg.CannotConnectNowError,),
        "PostgreSQL at {place} is starting or stopping.",
    ),
    (
        (asyncpg.ReadOnlySQLTransactionError,),
        "{place} is a read-only replica: migrations need the primary.",
    ),
    (
        (asyncpg.InsufficientPrivilegeError,),
        "The migration role lacks a right on {place}: it needs CREATE on the database.",
    ),
    (
        # The first is what a transaction raises that finds its connection closed.
        (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError),
        "The connection to {place} was lost.",
    ),
    ((OSError,), "The connection to {place} failed."),
)
