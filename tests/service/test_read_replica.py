"""Readers are served by a streaming standby, and never notice when it lags or goes away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from cms_service.core.postgres import session_settings
from tests.service.proxy import Proxy
from tests.service.servers import Postgres, running
from tests.service.test_known_types import change_type, reads_of_types
from tests.service.waiting import eventually
from tests.service.world import (
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
)

SLUGS = [f"quick-{number}" for number in range(25)]
USER_INFO = f"{SERVICE_ROLE}:{SERVICE_PASSWORD}"


@pytest.fixture(scope="module")
def standby(postgres: Postgres, database: str) -> Iterator[Postgres]:
    assert database  # must be there to be copied, with its roles
    with running(Postgres().create_standby(postgres)) as server:
        yield server


@pytest.fixture
def replica_url(standby: Postgres, site: Site) -> str:
    return standby.url(site.database, USER_INFO, "?connection_limit=5&pool_timeout=2")


@pytest.fixture
async def pod(site: Site, replica_url: str) -> AsyncIterator[Pod]:
    async with site.pod(DATABASE_READ_REPLICA_URL=replica_url) as pod:
        yield pod


@pytest.fixture
async def published(acme: Desk) -> Desk:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    return acme


async def ask(server: Postgres, database: str, query: str) -> object:
    connection = await asyncpg.connect(server.superuser_url(database))
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def catch_up(site: Site, standby: Postgres) -> None:
    written = await ask(site.postgres, site.database, "SELECT pg_current_wal_lsn()::text")
    reached = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
    await eventually(lambda: ask(standby, site.database, reached), bool, "the replica is as new")


def reads_of(pod: Pod) -> dict[str, int]:
    """How many each database has answered, if any."""
    lines = pod.cms.metrics.render().decode().splitlines()
    prefix = "hcms_delivery_reads_total"
    values = {line.split('"')[1]: line.split()[1] for line in lines if line.startswith(prefix)}
    return {database: int(float(value)) for database, value in values.items() if value != "0.0"}


async def read_uncached(desk: Desk, times: int = 1) -> None:
    """A change of the tenant makes all that is cached old."""
    expect(await desk.client.patch(desk.root, json={"displayName": "Another"}), 200)
    for limit in range(1, times + 1):
        found = expect(await desk.client.get(f"{desk.delivery}?limit={limit}"), 200)
        assert found["items"][0]["slug"] == "hello"


async def test_what_no_cache_holds_is_read_from_the_replica(
    site: Site, standby: Postgres, pod: Pod, published: Desk
) -> None:
    await catch_up(site, standby)
    entry = expect(await published.client.get(f"{published.delivery}/hello"), 200)
    assert entry["fields"]["title"] == "Hello"
    page = expect(await published.client.get(published.delivery), 200)
    assert page["items"] == [entry]
    assert (await published.client.get(f"{published.delivery}/nothing")).status_code == 404
    nothing = f"/v1/delivery/{published.tenant}/no-such-type"
    assert (await published.client.get(nothing)).status_code == 404
    assert reads_of(pod) == {"replica": 3}  # without the type there is no content to ask for


async def test_a_write_is_seen_although_the_replica_has_not_replayed_it(
    site: Site, standby: Postgres, pod: Pod, published: Desk, replica_url: str
) -> None:
    await published.open_to_the_public()
    await catch_up(site, standby)
    await ask(standby, site.database, "SELECT pg_wal_replay_pause()")
    try:
        await published.publish_new(title="New", slug="new")
        seen = expect(await published.client.get(f"{published.delivery}/new"), 200)
        assert seen["fields"]["title"] == "New"
        async with (
            site.pod(DATABASE_READ_REPLICA_URL=replica_url) as other,
            other.client() as anyone,
        ):
            page = expect(await anyone.get(f"{published.delivery}?limit=1"), 200)
            assert page["items"] == [seen]
        assert reads_of(pod) == {"primary": 1}
    finally:
        await ask(standby, site.database, "SELECT pg_wal_replay_resume()")
    await catch_up(site, standby)
    expect(await published.client.get(f"{published.delivery}/hello"), 200)
    assert reads_of(pod) == {"primary": 1, "replica": 1}


async def test_a_writer_reads_its_own_write_on_another_pod_with_a_replica_behind(
    site: Site, standby: Postgres, published: Desk, replica_url: str
) -> None:
    await catch_up(site, standby)
    page = f"{published.delivery}/hello"
    token = published.tokens["accessToken"]
    async with (
        site.pod(DATABASE_READ_REPLICA_URL=replica_url) as other,
        other.client(token) as reader,
    ):
        await ask(standby, site.database, "SELECT pg_wal_replay_pause()")
        try:
            for title in ("First", "Second", "Third"):
                # The other pod knows the tenant as it was a moment ago, and may go on with that.
                expect(await reader.get(page), 200)
                entry = expect(await published.client.get(published.entries), 200)["items"][0]
                fields = {"fields": {"title": title, "slug": "hello"}}
                expect(
                    await published.client.put(f"{published.entries}/{entry['id']}", json=fields),
                    200,
                )
                written = await published.client.post(f"{published.entries}/{entry['id']}/publish")
                own = {"X-HCMS-Generation": written.headers["x-hcms-generation"]}
                seen = expect(await reader.get(page, headers=own), 200)
                assert seen["fields"]["title"] == title
            assert reads_of(other)["primary"] == 3
        finally:
            await ask(standby, site.database, "SELECT pg_wal_replay_resume()")


async def test_a_replica_that_is_killed_and_comes_back_costs_no_request(
    standby: Postgres, pod: Pod, published: Desk
) -> None:
    stopped = asyncio.Event()

    async def read() -> None:
        while not stopped.is_set():
            await read_uncached(published, times=3)

    readers = [asyncio.create_task(read()) for _ in range(4)]
    try:
        async with asyncio.timeout(60):
            await until_answering(pod, "replica", readers)
            await asyncio.to_thread(standby.kill)
            await until_answering(pod, "primary", readers)
            await asyncio.to_thread(standby.start)
            await until_answering(pod, "replica", readers)
    finally:
        stopped.set()
        await asyncio.gather(*readers)
    assert 'hcms_database_up{database="primary"} 1.0' in pod.cms.metrics.render().decode()


async def until_answering(pod: Pod, database: str, readers: list[asyncio.Task[None]]) -> None:
    before = reads_of(pod).get(database, 0)
    while reads_of(pod).get(database, 0) < before + 10:
        for reader in readers:
            if reader.done():
                reader.result()
        await asyncio.sleep(0.02)


@pytest.mark.usefixtures("as_shipped")
async def test_a_replica_that_hangs_is_not_waited_for_by_every_reader(
    site: Site, standby: Postgres, published: Desk
) -> None:
    await catch_up(site, standby)
    await read_uncached(published)
    with standby.frozen():
        # Waiting a second for each would take 40, waiting for the pool's time-out longer still.
        async with asyncio.timeout(20):
            await read_uncached(published, times=40)


@pytest.fixture
async def slow(site: Site, standby: Postgres, published: Desk) -> AsyncIterator[Desk]:
    """A tenant whose entry `slow` takes 3 s to read, and `endless` a minute."""
    for slug in ("slow", "endless", *SLUGS):
        await published.publish_new(title=slug, slug=slug)
    policy = """CREATE POLICY slow ON cms.published_entries AS RESTRICTIVE USING (
        pg_sleep(CASE slug WHEN 'slow' THEN 3 WHEN 'endless' THEN 60 ELSE 0 END)::text = '')"""
    await execute(site.postgres, site.database, policy)
    await catch_up(site, standby)
    yield published
    await execute(site.postgres, site.database, "DROP POLICY slow ON cms.published_entries")
    await catch_up(site, standby)


async def test_a_slow_read_takes_the_replica_away_from_nobody(pod: Pod, slow: Desk) -> None:
    reading = asyncio.create_task(slow.client.get(f"{slow.delivery}/slow"))
    for slug in SLUGS:
        expect(await slow.client.get(f"{slow.delivery}/{slug}"), 200)
        await asyncio.sleep(0.1)
    expect(await reading, 200)
    assert reads_of(pod) == {"replica": len(SLUGS) + 1}


async def test_what_takes_the_replica_too_long_is_not_asked_of_the_primary_too(
    site: Site, slow: Desk, replica_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_settings, "STATEMENT_SECONDS", 2)
    async with site.pod(DATABASE_READ_REPLICA_URL=replica_url) as pod:
        client = pod.client(slow.tokens["accessToken"])
        async with asyncio.timeout(4):
            problem = expect_problem(await client.get(f"{slow.delivery}/endless"), 503)
        assert problem["type"] == "urn:headlesscms:problem:took-too-long"
        expect(await client.get(f"{slow.delivery}/hello"), 200)
        assert reads_of(pod) == {"replica": 1}


async def test_with_the_primary_away_the_replica_still_answers_readers(
    site: Site, standby: Postgres, replica_url: str, published: Desk
) -> None:
    await published.open_to_the_public()
    await catch_up(site, standby)
    async with site.pod(DATABASE_READ_REPLICA_URL=replica_url) as pod, pod.client() as reader:
        expect(await reader.get(f"{published.delivery}?limit=1"), 200)
        with site.postgres.frozen():
            answer = await reader.get(f"{published.delivery}/hello")
        assert expect(answer, 200)["fields"]["title"] == "Hello"


@pytest.mark.parametrize("kind", ["directory", "url file"])
async def test_the_replica_takes_its_credentials_from_files(
    site: Site, standby: Postgres, published: Desk, secrets_folder: Path, kind: str
) -> None:
    (secrets_folder / "username").write_text(SERVICE_ROLE)
    (secrets_folder / "password").write_text(SERVICE_PASSWORD)
    (secrets_folder / "url").write_text(f"postgresql://{USER_INFO}@old-host/db")
    environment = {"DATABASE_READ_REPLICA_URL": standby.url(site.database)}
    if kind == "directory":
        environment["DATABASE_URL"] = site.postgres.url(site.database)
        environment["DATABASE_CREDENTIALS_DIR"] = str(secrets_folder)
    else:
        url_file = str(secrets_folder / "url")
        environment["DATABASE_READ_REPLICA_CREDENTIALS_URL_FILE"] = url_file
    await published.open_to_the_public()
    await catch_up(site, standby)
    async with site.pod(**environment) as pod, pod.client() as reader:
        expect(await reader.get(f"{published.delivery}/hello"), 200)
        assert reads_of(pod) == {"replica": 1}


async def test_a_changed_type_is_read_from_the_primary_until_the_replica_has_it(
    site: Site, standby: Postgres, pod: Pod, published: Desk
) -> None:
    await catch_up(site, standby)
    by_word = f"{published.delivery}?filter[fields.word][exists]=false"
    expect(await published.client.get(by_word), 400)
    await ask(standby, site.database, "SELECT pg_wal_replay_pause()")
    try:
        expect(await change_type(published), 200)
        for limit in (1, 2):
            found = expect(await published.client.get(f"{by_word}&limit={limit}"), 200)
            assert found["items"][0]["slug"] == "hello"
        assert reads_of(pod) == {"primary": 2}
    finally:
        await ask(standby, site.database, "SELECT pg_wal_replay_resume()")
    reads = reads_of_types(pod)
    await published.publish_new(title="New", slug="new")
    await catch_up(site, standby)
    found = expect(await published.client.get(by_word), 200)
    assert [item["slug"] for item in found["items"]] == ["new", "hello"]
    assert (reads_of(pod), reads_of_types(pod)) == ({"primary": 2, "replica": 1}, reads)


async def test_where_the_primarys_name_leads_to_a_standby_for_a_while_nothing_of_it_stays(
    site: Site, standby: Postgres, published: Desk
) -> None:
    await catch_up(site, standby)
    async with Proxy(standby.port).running() as proxy:
        url = site.environment()["DATABASE_URL"]
        url = url.replace(f":{site.postgres.port}/", f":{proxy.port}/")
        async with site.pod(DATABASE_URL=url) as pod:
            desk = Desk(pod.client(published.tokens["accessToken"]), published.tenant)
            for _ in range(3):
                expect_problem(await desk.client.get(desk.entries), 503)
            proxy.server_port = site.postgres.port
            await desk.draft(title="Written at once")


async def test_a_url_may_say_that_a_standby_will_do(
    site: Site, standby: Postgres, published: Desk
) -> None:
    await catch_up(site, standby)
    url = standby.url(site.database, USER_INFO, "?target_session_attrs=any")
    async with site.pod(DATABASE_URL=url) as pod:
        desk = Desk(pod.client(published.tokens["accessToken"]), published.tenant)
        expect(await desk.client.get(desk.entries), 200)
        expect_problem(await desk.client.post(desk.entries, json={"fields": {"title": "x"}}), 503)
