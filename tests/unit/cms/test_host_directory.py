"""Which tenant a host name leads to, while the database answers and while it is away."""

import asyncio

import pytest

from cms_service.core.errors import Unavailable
from cms_service.hosts.directory import HostDirectory
from cms_service.tenants.directory import FRESH_SECONDS, PAUSE_SECONDS


class Database:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.away = False
        self.now = 0.0

    async def tenant_of(self, host: str) -> str | None:
        self.asked.append(host)
        if self.away:
            raise Unavailable("away")
        return {"cms.acme.example": "acme"}.get(host)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def directory(database: Database) -> HostDirectory:
    return HostDirectory(database.tenant_of, lambda: database.now)


async def test_an_answer_is_used_for_half_a_second(
    directory: HostDirectory, database: Database
) -> None:
    for _ in range(3):
        assert await directory.tenant_of("cms.acme.example") == "acme"
        assert await directory.tenant_of("unknown.example") is None
    assert len(database.asked) == 2
    database.now += FRESH_SECONDS
    assert await directory.tenant_of("cms.acme.example") == "acme"
    assert len(database.asked) == 3


async def test_while_the_database_is_away_one_asks_now_and_then_and_nobody_else_waits(
    directory: HostDirectory, database: Database
) -> None:
    await directory.tenant_of("cms.acme.example")
    database.away = True
    database.now += FRESH_SECONDS
    found = [await directory.tenant_of("cms.acme.example") for _ in range(3)]
    found += [await directory.tenant_of(f"{n}.example") for n in range(3)]
    assert found == ["acme"] * 3 + [None] * 3
    assert len(database.asked) == 2

    database.away = False
    database.now += PAUSE_SECONDS
    assert await directory.tenant_of("cms.acme.example") == "acme"
    assert len(database.asked) == 3


async def test_those_who_ask_at_once_ask_once(directory: HostDirectory, database: Database) -> None:
    await asyncio.gather(*(directory.tenant_of("cms.acme.example") for _ in range(5)))
    assert database.asked == ["cms.acme.example"]
