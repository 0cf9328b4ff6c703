# ruff: noqa: S608 - roles are named by the tests themselves
# ruff: noqa: ASYNC110 - other processes are polled; nothing else waits for this loop
"""Redis and PostgreSQL stopped, slow and full while people write: what was acknowledged is there,
once; what could not be done says when to try again; and all of it comes back by itself.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import httpx
import pytest

from tests.service.proxy import Proxy
from tests.service.servers import Redis
from tests.service.waiting import eventually, served, until
from tests.service.world import (
    PASSWORD,
    SERVICE_ROLE,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
    owner_email,
)

_WRITERS = 4
_LOGIN = {"email": owner_email("acme"), "password": PASSWORD}


class Load:
    """Writers who send each write again, with its Idempotency-Key, until it is acknowledged, and a
    reader of what is published.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tasks: list[asyncio.Task[None]] = []
        self._stopped = False
        self.acknowledged: list[str] = []
        self.answers: Counter[int] = Counter()
        self.reads: Counter[int] = Counter()

    async def __aenter__(self) -> Self:
        work = [self._write(number) for number in range(_WRITERS)]
        self._tasks = [asyncio.create_task(each) for each in (*work, self._read())]
        await self.more_written()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        def true_of_what_goes_on() -> bool:
            for task in self._tasks:
                if task.done():
                    task.result()
            return true()

        await until(true_of_what_goes_on, "as many answers as wanted", seconds)

    async def more_written(self, count: int = 8) -> None:
        enough = len(self.acknowledged) + count
        await self.until(lambda: len(self.acknowledged) >= enough)

    async def refused(self, count: int = 8) -> None:
        enough = self.answers[503] + count
        await self.until(lambda: self.answers[503] >= enough)

    async def _write(self, writer: int) -> None:
        number = 0
        while not self._stopped:
            number += 1
            title = f"{writer}/{number}"
            while not await self._is_written(title):
                await asyncio.sleep(0.02)
            self.acknowledged.append(title)

    async def _is_written(self, title: str) -> bool:
        answer = await self._desk.client.post(
            self._desk.entries,
            json={"fields": {"title": title}},
            headers={"Idempotency-Key": title},
        )
        self.answers[answer.status_code] += 1
        if answer.status_code == 201:
            return True
        # 409: the one before, whose answer was lost, is still at it.
        assert answer.status_code in {409, 503}, answer.text
        expect_problem(answer, answer.status_code)
        assert answer.headers["retry-after"] == "1"
        return False

    async def _read(self) -> None:
        while not self._stopped:
            answer = await self._desk.client.get(f"{self._desk.delivery}/hello")
            self.reads[answer.status_code] += 1
            await asyncio.sleep(0.01)


async def check(site: Site, pod: Pod, load: Load) -> None:
    rows = await site.fetch(
        "SELECT fields->>'title' FROM cms.entries WHERE fields->>'title' <> 'Hello'"
    )
    assert sorted(row[0] for row in rows) == sorted(load.acknowledged)
    assert set(load.reads) == {200}, load.reads
    # What a pod knows of a tenant it asks for again ahead of time, for nobody.
    await until(lambda: is_at_rest(pod), "no connection is in use")


def is_at_rest(pod: Pod) -> bool:
    metrics = pod.cms.metrics.render().decode()
    return (
        'hcms_db_pool_waiting{database="primary"} 0.0' in metrics
        and 'hcms_db_pool_connections{database="primary",state="used"} 0.0' in metrics
    )


async def prepare(pod: Pod) -> Desk:
    desk = await pod.log_in("acme")
    await desk.make_type()
    await desk.publish_new(title="Hello", slug="hello")
    expect(await desk.client.get(f"{desk.delivery}/hello"), 200)
    return desk


async def log_in(pod: Pod) -> httpx.Response:
    async with pod.client() as client:
        return await client.post("/v1/tenants/acme/auth/login", json=_LOGIN)


async def refresh(pod: Pod, token: dict[str, str]) -> httpx.Response:
    async with pod.client() as client:
        return await client.post("/v1/tenants/acme/auth/refresh", json=token)


async def ends_connections(site: Site) -> None:
    await execute(
        site.postgres,
        site.database,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{SERVICE_ROLE}'",
    )


# What PostgreSQL refuses by when it is full, and how the tests bring it about.


@asynccontextmanager
async def of_the_role(site: Site, make: str, mend: str) -> AsyncIterator[None]:
    """It holds for new connections."""
    await execute(site.postgres, site.database, f"ALTER ROLE {SERVICE_ROLE} {make}")
    try:
        await ends_connections(site)
        yield
    finally:
        await execute(site.postgres, site.database, f"ALTER ROLE {SERVICE_ROLE} {mend}")
    await ends_connections(site)


@asynccontextmanager
async def failing(site: Site, sqlstate: str) -> AsyncIterator[None]:
    """Writes fail as they do where the disk is full, or broken."""
    await execute(
        site.postgres,
        site.database,
        f"""CREATE FUNCTION cms.fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'could not write' USING ERRCODE = '{sqlstate}'; END $$""",
        "CREATE TRIGGER fail AFTER INSERT ON cms.entries EXECUTE FUNCTION cms.fail()",
    )
    try:
        yield
    finally:
        await execute(site.postgres, site.database, "DROP FUNCTION cms.fail CASCADE")


@asynccontextmanager
async def stopped(site: Site) -> AsyncIterator[None]:
    await asyncio.to_thread(site.postgres.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(site.postgres.start)


FULL: dict[str, Callable[[Site], Any]] = {
    "no connection is left": lambda site: of_the_role(
        site, "CONNECTION LIMIT 0", "CONNECTION LIMIT -1"
    ),
    "it became read-only": lambda site: of_the_role(
        site, "SET default_transaction_read_only = on", "RESET default_transaction_read_only"
    ),
    "the disk is full": lambda site: failing(site, "53100"),
    "the disk is broken": lambda site: failing(site, "58030"),
    "it was killed": stopped,
}


@pytest.mark.parametrize("fault", FULL)
async def test_what_postgresql_acknowledged_is_there_once(site: Site, pod: Pod, fault: str) -> None:
    async with Load(await prepare(pod)) as load:
        async with FULL[fault](site):
            await load.refused()
        await load.more_written()
    await check(site, pod, load)


async def test_a_connection_that_met_a_read_only_server_is_not_used_again(
    site: Site, pod: Pod
) -> None:
    desk = await prepare(pod)

    async def write() -> httpx.Response:
        return await desk.client.post(desk.entries, json={"fields": {"title": "New"}})

    async with FULL["it became read-only"](site):
        await eventually(
            lambda: desk.client.get(desk.entries),
            lambda answer: answer.status_code == 200,
            "the entries are read",
        )
        expect_problem(await write(), 503)
        reset = f"ALTER ROLE {SERVICE_ROLE} RESET default_transaction_read_only"
        await execute(site.postgres, site.database, reset)
        expect(await write(), 201)


@pytest.fixture
async def before_postgres(site: Site) -> AsyncIterator[tuple[Proxy, Pod]]:
    async with Proxy(site.postgres.port).running() as proxy:
        url = site.environment()["DATABASE_URL"]
        url = url.replace(f":{site.postgres.port}/", f":{proxy.port}/")
        async with site.pod(DATABASE_URL=url) as pod:
            yield proxy, pod


async def test_a_write_whose_answer_the_network_loses_is_done_once(
    site: Site, before_postgres: tuple[Proxy, Pod]
) -> None:
    """Nobody knows whether a commit that was sent was done, but for who asks again with its key."""
    proxy, pod = before_postgres
    async with Load(await prepare(pod)) as load:
        for _ in range(10):
            lost = proxy.lost
            proxy.losing = True
            await load.until(lambda lost=lost: proxy.lost > lost)  # type: ignore[misc]
            proxy.losing = False
            await load.more_written(4)
    assert load.answers[503] > 0
    await check(site, pod, load)


async def test_a_slow_postgresql_is_waited_for_in_bounded_numbers(
    site: Site, before_postgres: tuple[Proxy, Pod]
) -> None:
    proxy, pod = before_postgres
    desk = await prepare(pod)
    async with Load(desk) as load:
        proxy.delay = 0.1
        # More than may wait at once: 5 connections, and 10 waiting for each.
        asked = [asyncio.create_task(desk.client.get(desk.entries)) for _ in range(80)]
        answers = [await each for each in asked]
        await load.more_written(4)
        proxy.delay = 0.0
        await load.more_written()
    for answer in answers:
        if answer.status_code != 200:
            expect_problem(answer, 503)
            assert answer.headers["retry-after"] == "1"
    assert 200 in {answer.status_code for answer in answers}
    await check(site, pod, load)


@asynccontextmanager
async def redis_stopped(redis: Redis, _: Proxy) -> AsyncIterator[None]:
    await asyncio.to_thread(redis.stop)
    yield
    await asyncio.to_thread(redis.start)


@asynccontextmanager
async def redis_slow(_: Redis, proxy: Proxy) -> AsyncIterator[None]:
    proxy.delay = 5.0
    yield
    proxy.delay = 0.0


@asynccontextmanager
async def redis_full(redis: Redis, _: Proxy) -> AsyncIterator[None]:
    await asyncio.to_thread(redis.command, "CONFIG SET maxmemory 1 maxmemory-policy noeviction")
    yield
    await asyncio.to_thread(redis.command, "CONFIG SET maxmemory 0")


@asynccontextmanager
async def redis_loses_answers(_: Redis, proxy: Proxy) -> AsyncIterator[None]:
    proxy.losing = True
    yield
    proxy.losing = False


REDIS_FAULTS = {
    "stopped": redis_stopped,
    "slow": redis_slow,
    "full": redis_full,
    "its answers are lost": redis_loses_answers,
}


@pytest.mark.parametrize("fault", REDIS_FAULTS)
async def test_without_redis_writes_go_on_and_nobody_is_let_in_by_mistake(
    site: Site, own_redis: Redis, fault: str, request: pytest.FixtureRequest
) -> None:
    if fault == "slow":
        request.getfixturevalue("as_shipped")
    async with Proxy(own_redis.port).running() as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/0"
        async with site.pod(REDIS_URL=url) as pod:
            desk = await prepare(pod)
            token = {"refreshToken": desk.tokens["refreshToken"]}
            async with Load(desk) as load:
                async with REDIS_FAULTS[fault](own_redis, proxy):
                    await load.more_written()
                    refused = await log_in(pod)
                    expect_problem(refused, 503)
                    assert refused.headers["retry-after"] == "1"
                    await load.more_written()
                await load.more_written()
                await served(lambda: log_in(pod))
                # Connections from before fail once each, as they are used.
                answer = await served(lambda: refresh(pod, token))
                # A Redis that lost its memory has ended the session.
                expect(answer, 401 if fault == "stopped" else 200)
            assert set(load.answers) == {201}
            await check(site, pod, load)
