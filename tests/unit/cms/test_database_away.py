"""What a client is told where the database does not answer."""

import asyncpg
import pytest

from cms_service.core.postgres.away import AWAY, NotConnectedError, detail_of
from cms_service.core.postgres.connector import RoleRefusedError

REFUSES = "The database does not let the service in."
LOST = "The connection to the database was lost."
AWAY_ALTOGETHER = "The database cannot be reached."


def of_state(sqlstate: str) -> BaseException:
    """The error that asyncpg makes of it."""
    message = {"C": sqlstate, "M": 'of role "wonderland" at 10.0.0.1'}
    return asyncpg.PostgresError.new(message)


def not_connected(cause: BaseException) -> BaseException:
    error = NotConnectedError(type(cause).__name__)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (of_state("53100"), "The database's disk is full."),
        (of_state("53200"), "The database cannot take more at the moment."),
        (of_state("53400"), "The database cannot take more at the moment."),
        (of_state("57P01"), LOST),
        (of_state("57P02"), LOST),
        (of_state("58030"), "The database's machine has a fault."),
        (of_state("25006"), "The database takes no writes at the moment."),
        (TimeoutError(), "The database does not answer in time."),
        (not_connected(TimeoutError()), "The database does not answer in time."),
        (not_connected(of_state("53300")), "The database takes no more connections."),
        (not_connected(of_state("57P03")), "The database is starting or shutting down."),
        (not_connected(of_state("28P01")), REFUSES),
        (not_connected(of_state("3D000")), REFUSES),
        (not_connected(RoleRefusedError("the database role owns the tables")), REFUSES),
        (of_state("08003"), LOST),
        (of_state("08006"), AWAY_ALTOGETHER),
        (ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 5432)"), AWAY_ALTOGETHER),
    ],
)
def test_a_client_is_told_what_keeps_the_database_from_answering(
    error: BaseException, detail: str
) -> None:
    assert isinstance(error, AWAY)
    assert detail_of(error) == detail
