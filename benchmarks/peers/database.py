"""The database of a peer, on the PostgreSQL that all systems share."""

import asyncio
from urllib.parse import urlsplit

import asyncpg

from tests.service.servers import Postgres

CONNECTIONS = 10


def create(postgres: Postgres, name: str) -> str:
    """Its URL."""
    asyncio.run(_execute(postgres.superuser_url(), f"CREATE DATABASE {name}"))
    return postgres.superuser_url(name)


def fill(url: str, *statements: str) -> None:
    asyncio.run(_execute(url, *statements, "VACUUM ANALYZE"))


def parts(url: str) -> dict[str, str]:
    """For those who want no URL."""
    found = urlsplit(url)
    return {
        "HOST": found.hostname or "",
        "PORT": str(found.port),
        "DATABASE": found.path.removeprefix("/"),
        "USER": found.username or "",
        "PASSWORD": found.password or "",
    }


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
