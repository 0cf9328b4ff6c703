"""Which tenant a host name leads to, while the database answers and while it is away."""

import asyncio

import pytest

from cms_service.core.errors import Unavailable
from cms_service.core.http.asgi import Message, Receive, Scope, Send
from cms_service.hosts.directory import HostDirectory
from cms_service.hosts.routing import HostRouting
from cms_service.hosts.shared import SharedHosts
from cms_service.tenants.directory import FRESH_SECONDS
from cms_service.tenants.questions import PAUSE_SECONDS


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
    for number in range(3):
        assert await directory.tenant_of("cms.acme.example") == "acme"
        with pytest.raises(Unavailable):
            await directory.tenant_of(f"{number}.example")
    assert len(database.asked) == 2

    database.away = False
    database.now += PAUSE_SECONDS
    assert await directory.tenant_of("cms.acme.example") == "acme"
    assert len(database.asked) == 3


async def test_with_the_database_away_a_host_that_was_nobodys_may_be_somebodys_by_now(
    directory: HostDirectory, database: Database
) -> None:
    assert await directory.tenant_of("new.example") is None
    database.away = True
    database.now += FRESH_SECONDS
    with pytest.raises(Unavailable):
        await directory.tenant_of("new.example")


@pytest.mark.parametrize(
    ("path", "goes_on"),
    [
        ("/v1/content/article/hello", False),
        ("/v1/tenant", False),
        ("/v1/delivery/acme/article/hello", True),
        ("/v1/tenants/acme", True),
        ("/v1/contents", True),
        ("/health", True),
    ],
)
async def test_what_the_host_alone_says_is_not_missing_while_the_host_cannot_be_looked_up(
    directory: HostDirectory, database: Database, path: str, *, goes_on: bool
) -> None:
    reached = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope["path"])

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    database.away = True
    scope = {"path": path, "headers": [(b"host", b"new.example")]}
    request = HostRouting(app, directory, SharedHosts(()))(scope, receive, send)
    if goes_on:
        await request
        assert reached == [path]
    else:
        with pytest.raises(Unavailable):
            await request
        assert reached == []


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
