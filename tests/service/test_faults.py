# ruff: noqa: S608 - databases are named by the tests themselves

"""Redis away, PostgreSQL away, the pool full: what still works works, and the rest says so."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx
import pytest

from cms_service.core.postgres import session_settings
from cms_service.core.redis.store import RedisStore
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED
from cms_service.tenants.directory import FRESH_SECONDS
from tests.service.servers import Postgres, Redis
from tests.service.test_content import held, until_waiting
from tests.service.waiting import eventually, served
from tests.service.world import (
    PASSWORD,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
    owner_email,
)

LOGIN = "/v1/tenants/acme/auth/login"
CREDENTIALS = {"email": owner_email("acme"), "password": PASSWORD}


async def prepare(pod: Pod) -> Desk:
    desk = await pod.log_in("acme")
    await desk.make_type()
    await desk.publish_new(title="Hello", slug="hello")
    return desk


async def test_without_redis_content_is_read_and_written_and_nobody_logs_in(
    site: Site, own_redis: Redis
) -> None:
    async with site.pod(REDIS_URL=own_redis.url) as pod:
        acme = await prepare(pod)
        own_redis.stop()
        expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
        await acme.publish_new(title="Without Redis", slug="without")
        delivered = expect(await acme.client.get(f"{acme.delivery}/without"), 200)
        assert delivered["fields"]["title"] == "Without Redis"

        answer = await acme.client.post(LOGIN, json=CREDENTIALS)
        expect_problem(answer, 503)
        assert answer.headers["retry-after"] == "1"
        token = {"refreshToken": acme.tokens["refreshToken"]}
        expect_problem(await acme.client.post("/v1/tenants/acme/auth/refresh", json=token), 503)
        health = expect(await acme.client.get("/health"), 200)
        assert health["status"] == "degraded"
        assert health["checks"] == {"database": {"status": "ok"}, "redis": {"status": "error"}}


async def test_no_connection_to_redis_outlives_a_process_that_ends_while_it_makes_one(
    site: Site, own_redis: Redis
) -> None:
    settings = site.settings(REDIS_URL=own_redis.url)
    for turns in range(5):
        store = RedisStore.from_settings(settings, Metrics("a"), UNTRACED, time.monotonic)
        asked = asyncio.create_task(store.ping())
        for _ in range(turns):
            await asyncio.sleep(0)
        await store.close()
        await asyncio.wait({asked})
        asked.exception()  # it may have come too late
        assert "lib-name=redis-py" not in own_redis.command("CLIENT", "LIST")


async def test_when_redis_comes_back_log_in_works_again(site: Site, own_redis: Redis) -> None:
    async with site.pod(REDIS_URL=own_redis.url) as pod:
        own_redis.stop()
        async with pod.client() as client:
            expect_problem(await client.post(LOGIN, json=CREDENTIALS), 503)
            own_redis.start()
            await served(lambda: client.post(LOGIN, json=CREDENTIALS))
        await pod.log_in("acme")


@pytest.fixture
async def cut(site: Site) -> AsyncIterator["Cut"]:
    yield (cut := Cut(site.postgres, site.database))
    await cut.mend()


class Cut:
    """Takes one database away from everyone, and gives it back."""

    def __init__(self, postgres: Postgres, database: str) -> None:
        self._postgres = postgres
        self._database = database

    async def make(self) -> None:
        await self._run(
            f"ALTER DATABASE {self._database} ALLOW_CONNECTIONS false",
            f"""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = '{self._database}'""",
        )

    async def mend(self) -> None:
        await self._run(f"ALTER DATABASE {self._database} ALLOW_CONNECTIONS true")

    async def _run(self, *statements: str) -> None:
        await execute(self._postgres, "postgres", *statements)


async def test_without_the_database_readers_get_what_is_cached_and_are_told_so(
    pod: Pod, cut: Cut
) -> None:
    acme = await prepare(pod)
    await acme.publish_new(title="Never read before", slug="unread")
    expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
    await cut.make()

    async def cache_status() -> str:
        answer = await acme.client.get(f"{acme.delivery}/hello")
        assert expect(answer, 200)["fields"]["title"] == "Hello"
        return answer.headers["cache-status"]

    await eventually(
        cache_status,
        lambda status: status == "headlesscms; hit; detail=stale",
        "readers are told that the answer is stale",
    )
    expect_problem(await acme.client.get(f"{acme.delivery}/unread"), 503)
    expect_problem(await acme.client.post(acme.entries, json={"fields": {}}), 503)
    expect_problem(await acme.client.post(LOGIN, json=CREDENTIALS), 503)
    health = await acme.client.get("/health")
    assert expect(health, 200)["checks"]["database"] == {"status": "error"}
    assert "127.0.0.1" not in health.text

    await cut.mend()
    await served(lambda: acme.client.get(f"{acme.delivery}/unread"))
    assert await entries_count(acme) == 2


async def test_a_stale_answer_is_not_given_to_who_is_owed_a_newer_one(pod: Pod, cut: "Cut") -> None:
    acme = await prepare(pod)
    url = f"{acme.delivery}/hello"
    renamed = await acme.client.patch(acme.root, json={"displayName": "Acme Ltd"})
    generation = int(renamed.headers["x-hcms-generation"])
    expect(await acme.client.get(url), 200)
    await cut.make()
    await asyncio.sleep(FRESH_SECONDS)
    seen = await acme.client.get(url, headers={"X-HCMS-Generation": str(generation)})
    assert seen.headers["cache-status"] == "headlesscms; hit; detail=stale"
    owed = await acme.client.get(url, headers={"X-HCMS-Generation": str(generation + 1)})
    expect_problem(owed, 503)
    assert owed.headers["retry-after"] == "1"
    assert owed.headers["cache-control"] == "no-store"


async def test_the_last_answer_is_shown_when_the_database_goes_away_after_a_write(
    pod: Pod, cut: "Cut"
) -> None:
    """The pod knows that something has changed, and cannot read what."""
    acme = await prepare(pod)
    url = f"{acme.delivery}/hello"
    expect(await acme.client.get(url), 200)
    renamed = await acme.client.patch(acme.root, json={"displayName": "Acme Ltd"})
    generation = renamed.headers["x-hcms-generation"]
    expect_problem(await acme.client.get(f"{acme.delivery}/nothing"), 404)  # asks for the tenant
    await cut.make()
    answer = await acme.client.get(url)
    assert expect(answer, 200)["fields"]["title"] == "Hello"
    assert answer.headers["cache-status"] == "headlesscms; hit; detail=stale"
    owed = await acme.client.get(url, headers={"X-HCMS-Generation": generation})
    expect_problem(owed, 503)


async def test_stale_answers_end_after_their_time(site: Site, cut: "Cut") -> None:
    async with site.pod(DELIVERY_STALE_SECONDS="0") as pod:
        acme = await prepare(pod)
        expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
        await cut.make()
        await asyncio.sleep(FRESH_SECONDS)
        expect_problem(await acme.client.get(f"{acme.delivery}/hello"), 503)


async def entries_count(desk: Desk) -> int:
    return len(expect(await desk.client.get(desk.entries), 200)["items"])


async def test_a_database_that_goes_away_does_not_take_the_pod_out_of_service(
    pod: Pod, cut: Cut
) -> None:
    await pod.become_ready()
    await cut.make()
    async with pod.admin() as admin, pod.client() as client:
        expect_problem(await client.post(LOGIN, json=CREDENTIALS), 503)
        expect(await admin.get("/readyz"), 200)
        metrics = (await admin.get("/metrics")).text
    assert 'hcms_database_up{database="primary"} 0.0' in metrics


async def test_a_refresh_token_outlives_a_failed_attempt(pod: Pod, cut: Cut) -> None:
    """It is used up only where a new one can be given."""
    acme = await pod.log_in("acme")
    refresh, token = f"{acme.root}/auth/refresh", {"refreshToken": acme.tokens["refreshToken"]}
    await cut.make()
    async with pod.client() as client:
        expect_problem(await client.post(refresh, json=token), 503)
        await cut.mend()
        answer = await served(lambda: client.post(refresh, json=token))
    expect(answer, 200)


async def test_a_database_that_hangs_holds_up_neither_readers_nor_health(site: Site) -> None:
    patient = site.environment()["DATABASE_URL"].replace("pool_timeout=2", "pool_timeout=60")
    async with site.pod(DATABASE_URL=patient) as pod:
        acme = await prepare(pod)
        expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
        await asyncio.sleep(FRESH_SECONDS)
        with site.postgres.frozen():
            # Each gives up after 2 s. Seeing its statement cancelled would take 10 more.
            async with asyncio.timeout(8):
                read, health = await asyncio.gather(
                    acme.client.get(f"{acme.delivery}/hello"), acme.client.get("/health")
                )
        assert read.headers["cache-status"] == "headlesscms; hit; detail=stale"
        assert expect(health, 200)["checks"]["database"] == {"status": "error"}


@asynccontextmanager
async def saves_that(site: Site, act: str) -> AsyncIterator[None]:
    """`act` is what PostgreSQL does before each of them."""
    make = f"""CREATE FUNCTION public.act() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN {act}; RETURN NEW; END $$"""
    use = """CREATE TRIGGER act BEFORE UPDATE ON cms.entries
        FOR EACH ROW EXECUTE FUNCTION public.act()"""
    await execute(site.postgres, site.database, make, use)
    try:
        yield
    finally:
        await execute(site.postgres, site.database, "DROP FUNCTION public.act() CASCADE")


async def test_a_statement_that_takes_too_long_is_no_lost_database_and_not_to_be_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_settings, "STATEMENT_SECONDS", 2)
    async with site.pod() as pod:
        acme = await prepare(pod)
        entry = expect(await acme.client.get(acme.entries), 200)["items"][0]
        url = f"{acme.entries}/{entry['id']}"
        changed = {"fields": {"title": "Changed", "slug": "hello"}}
        async with saves_that(site, "PERFORM pg_sleep(60)"):
            answer = await acme.client.put(url, json=changed)
        problem = expect_problem(answer, 503)
        assert problem["type"] == "urn:headlesscms:problem:took-too-long"
        assert problem["detail"] == "This takes longer than 2 s: ask for less."
        assert "retry-after" not in answer.headers
        assert 'hcms_database_up{database="primary"} 1.0' in pod.cms.metrics.render().decode()
        expect(await acme.client.put(url, json=changed), 200)


DISK_IS_FULL = """RAISE EXCEPTION 'could not extend file "base/5/1": No space left on device'
    USING ERRCODE = 'disk_full'"""


@asynccontextmanager
async def no_connections(site: Site) -> AsyncIterator[None]:
    limit = f'ALTER DATABASE "{site.database}" CONNECTION LIMIT'
    await execute(site.postgres, site.database, f"{limit} 0")
    try:
        yield
    finally:
        await execute(site.postgres, site.database, f"{limit} -1")


def expect_unavailable(answer: httpx.Response, detail: str) -> None:
    problem = expect_problem(answer, 503)
    assert (problem["type"], problem["detail"]) == ("urn:headlesscms:problem:unavailable", detail)
    assert answer.headers["retry-after"] == "1"


async def test_who_saves_while_the_databases_disk_is_full_is_told_so(site: Site) -> None:
    async with site.pod() as pod:
        acme = await prepare(pod)
        entry = expect(await acme.client.get(acme.entries), 200)["items"][0]
        url = f"{acme.entries}/{entry['id']}"
        changed = {"fields": {"title": "Changed", "slug": "hello"}}
        async with saves_that(site, DISK_IS_FULL):
            answer = await acme.client.put(url, json=changed)
            expect_unavailable(answer, "The database's disk is full.")
            expect(await acme.client.get(url), 200)
        expect(await acme.client.put(url, json=changed), 200)


async def test_a_pod_that_gets_no_connection_says_so(site: Site) -> None:
    async with site.pod() as pod, pod.client() as client, no_connections(site):
        for answer in (
            await client.post(LOGIN, json=CREDENTIALS),
            await client.get("/v1/delivery/acme/article/hello"),
            await client.get("/v1/content/article", headers={"Host": "cms.acme.example"}),
        ):
            expect_unavailable(answer, "The database takes no more connections.")


async def test_who_waits_when_the_database_ends_the_connection_is_told_so(site: Site) -> None:
    end = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    async with site.pod() as pod:
        acme = await prepare(pod)
        async with held(site, "LOCK TABLE cms.users IN ACCESS EXCLUSIVE MODE"):
            asked = asyncio.create_task(acme.client.get(f"{acme.root}/users"))
            await until_waiting(site, 1)
            await execute(site.postgres, site.database, end)
            expect_unavailable(await asked, "The connection to the database was lost.")
        expect(await acme.client.get(f"{acme.root}/users"), 200)


async def test_who_waited_too_long_for_another_write_is_told_to_try_again(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_settings, "LOCK_SECONDS", 0.1)
    async with site.pod() as pod:
        acme = await prepare(pod)
        async with held(site, "SELECT FROM cms.content_types FOR UPDATE"):
            answer = await acme.client.post(acme.entries, json={"fields": {"title": "New"}})
        problem = expect_problem(answer, 503)
        assert problem["detail"] == "Another write has what this one needs: try again."
        assert answer.headers["retry-after"] == "1"
        assert 'hcms_database_up{database="primary"} 1.0' in pod.cms.metrics.render().decode()
        await acme.draft(title="New")


async def test_a_full_pool_refuses_at_once_or_after_its_timeout_and_recovers(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: the full pool is not asked for the tenant's generation.
    for name in ("FRESH_SECONDS", "AHEAD_SECONDS"):
        monkeypatch.setattr(f"cms_service.tenants.directory.{name}", 60)
    small = site.environment()["DATABASE_URL"].replace(
        "connection_limit=5&pool_timeout=2", "connection_limit=2&pool_timeout=0.5"
    )
    async with site.pod(DATABASE_URL=small) as pod:
        acme = await prepare(pod)
        async with held(site, "LOCK TABLE cms.users IN ACCESS EXCLUSIVE MODE"):
            stuck = [asyncio.create_task(acme.client.get(f"{acme.root}/users")) for _ in range(2)]
            await until_waiting(site, 2)
            answers = await asyncio.gather(*(acme.client.get(acme.entries) for _ in range(40)))
            for answer in answers:
                problem = expect_problem(answer, 503)
                assert problem["detail"] == "Every database connection is in use."
                assert answer.headers["retry-after"] == "1"
        assert [expect(await task, 200) for task in stuck]
        assert await entries_count(acme) == 1
        metrics = pod.cms.metrics.render().decode()
    assert 'hcms_db_pool_rejected_total{database="primary"} 40.0' in metrics
    assert 'hcms_db_pool_waiting{database="primary"} 0.0' in metrics


async def test_a_tenant_whose_statements_hang_keeps_no_connection_from_the_others(
    site: Site, globex: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STATEMENT_SECONDS", "LOCK_SECONDS"):
        monkeypatch.setattr(session_settings, name, 60)
    large = site.environment()["DATABASE_URL"].replace(
        "connection_limit=5&pool_timeout=2", "connection_limit=10&pool_timeout=60"
    )
    await globex.make_type()
    await globex.publish_new(title="Hello", slug="hello")
    await globex.publish_new(title="Unread", slug="unread")
    async with site.pod(DATABASE_URL=large) as pod:
        acme = await prepare(pod)
        other = Desk(pod.client(globex.tokens["accessToken"]), "globex")
        expect(await other.client.get(f"{other.delivery}/hello"), 200)
        async with held(site, "SELECT FROM cms.tenants WHERE name = 'acme' FOR UPDATE"):
            changes = [
                asyncio.create_task(acme.client.patch(acme.root, json={"displayName": str(number)}))
                for number in range(25)
            ]
            await until_waiting(site, 5)
            await asyncio.sleep(FRESH_SECONDS)  # so that the directory has to ask
            async with asyncio.timeout(20):
                answer = await other.client.get(f"{other.delivery}/hello")
                assert "stale" not in answer.headers["cache-status"]
                expect(await other.client.get(f"{other.delivery}/unread"), 200)
                await other.draft(title="Saved")
                health = expect(await other.client.get("/health"), 200)
                assert health["checks"]["database"] == {"status": "ok"}
            assert not any(change.done() for change in changes)
        assert {(await change).status_code for change in changes} == {200}


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_pod_holds_as_many_connections_as_its_url_says(site: Site, limit: int) -> None:
    url = site.environment()["DATABASE_URL"].replace(
        "connection_limit=5&pool_timeout=2", f"connection_limit={limit}&pool_timeout=60"
    )
    held = """SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'cms_service' AND datname = current_database()"""
    async with site.pod(DATABASE_URL=url) as pod:
        acme = await pod.log_in("acme")
        asked = [acme.client.get(f"{acme.root}/users") for _ in range(limit * 10)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}
        connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
        try:
            assert await connection.fetchval(held) == limit
        finally:
            await connection.close()
