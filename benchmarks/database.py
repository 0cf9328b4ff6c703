"""The databases of the systems under measurement, on the PostgreSQL that they share."""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

import asyncpg

from tests.service.servers import Postgres

CONNECTIONS = 10


def create(postgres: Postgres, name: str) -> str:
    """Return its URL."""
    execute(postgres.superuser_url(), f"CREATE DATABASE {name}")
    return postgres.superuser_url(name)


def fill(url: str, *statements: str) -> None:
    execute(url, *statements, "VACUUM ANALYZE")


def execute(url: str, *statements: str) -> None:
    """One by one: none is in a transaction with another."""
    asyncio.run(_execute(url, statements))


def parts(url: str) -> dict[str, str]:
    """The parts of a URL, for programs that do not take one."""
    found = urlsplit(url)
    return {
        "HOST": found.hostname or "",
        "PORT": str(found.port),
        "DATABASE": found.path.removeprefix("/"),
        "USER": found.username or "",
        "PASSWORD": found.password or "",
    }


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
