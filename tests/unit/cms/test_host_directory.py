"""Which tenant a host name leads to, while the database answers and while it is away."""

import asyncio

import pytest

from cms_service.core.errors import Unavailable
from cms_service.hosts.directory import HostDirectory
from cms_service.tenants.directory import FRESH_SECONDS, PAUSE_SECONDS


class Database:
    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.away = False
        self.now = 0.0

    async def tenants_of(self, hosts: list[str]) -> dict[str, str]:
        self.asked.append(hosts)
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")
        return {host: "acme" for host in hosts if host == "cms.acme.example"}


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def directory(database: Database) -> HostDirectory:
    return HostDirectory(database.tenants_of, lambda: database.now)


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
    assert database.asked == [["cms.acme.example"]]


async def test_made_up_hosts_are_asked_for_together_one_question_at_a_time(
    directory: HostDirectory, database: Database
) -> None:
    first = asyncio.ensure_future(directory.tenant_of("0.example"))
    for _ in range(3):  # as far as the question
        await asyncio.sleep(0)
    assert database.asked
    made_up = [directory.tenant_of(f"{n}.example") for n in range(1, 300)]
    assert set(await asyncio.gather(first, *made_up)) == {None}
    assert [len(hosts) for hosts in database.asked] == [1, 299]


async def test_made_up_hosts_do_not_push_out_a_tenants_own(
    directory: HostDirectory, database: Database
) -> None:
    await directory.tenant_of("cms.acme.example")
    for start in range(0, 12_000, 500):
        made_up = [directory.tenant_of(f"{n}.example") for n in range(start, start + 500)]
        await asyncio.gather(*made_up)
    database.away = True
    database.now += FRESH_SECONDS
    assert await directory.tenant_of("cms.acme.example") == "acme"


async def test_a_host_that_changes_hands_is_known_as_what_it_became(
    directory: HostDirectory, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await directory.tenant_of("www.acme.example") is None

    async def acmes(hosts: list[str]) -> dict[str, str]:
        return dict.fromkeys(hosts, "acme")

    monkeypatch.setattr(directory, "_ask", acmes)
    database.now += FRESH_SECONDS
    assert await directory.tenant_of("www.acme.example") == "acme"
    monkeypatch.setattr(directory, "_ask", database.tenants_of)
    database.now += FRESH_SECONDS
    assert await directory.tenant_of("www.acme.example") is None
    directory.forget("www.acme.example")
    assert await directory.tenant_of("www.acme.example") is None
