# ruff: noqa: S608 - the values are of the tests themselves

"""A pod whose node is lost says nothing to PostgreSQL, not even that it is gone: what it held there
is given to others all the same, and soon.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from cms_service.core.errors import Unavailable
from cms_service.core.postgres import pool, session_settings
from cms_service.core.postgres.statements import Statement
from cms_service.core.settings.database import DatabaseSettings
from cms_service.migrations import job
from cms_service.tenants.directory import FRESH_SECONDS
from tests.service.proxy import Proxy
from tests.service.waiting import eventually
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    Desk,
    Pod,
    Site,
    expect,
)

LOCK_TENANT = Statement(
    "lock",
    """WITH t AS (SELECT id FROM cms.tenants WHERE id = ($1->>'tenant')::uuid FOR UPDATE)
       SELECT to_jsonb(id) FROM t""",
)
SETTING = "SELECT setting::int * CASE unit WHEN 'ms' THEN 0.001 ELSE 1 END FROM pg_settings"


def through(proxy: Proxy, site: Site) -> str:
    url = site.environment()["DATABASE_URL"]
    return url.replace(f":{site.postgres.port}/", f":{proxy.port}/")


async def id_of(site: Site, desk: Desk) -> UUID:
    rows = await site.fetch(f"SELECT id FROM cms.tenants WHERE name = '{desk.tenant}'")
    return UUID(str(rows[0]["id"]))


async def test_a_lock_of_a_lost_pod_is_given_up_for_the_writes_of_others(
    site: Site, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await acme.make_type()
    tenant_id = await id_of(site, acme)
    monkeypatch.setattr(session_settings, "IDLE_IN_TRANSACTION_SECONDS", 1)
    async with (
        Proxy(site.postgres.port).running() as proxy,
        site.pod(DATABASE_URL=through(proxy, site)) as lost,
    ):
        transaction = lost.cms.database.transaction(tenant_id)
        scope = await transaction.__aenter__()
        assert await scope.query(LOCK_TENANT)
        proxy.silent = True
        async with asyncio.timeout(8):  # a statement that waits is given up after nine
            await acme.publish_new(title="Hello", slug="hello")


async def test_a_pod_that_was_still_for_too_long_is_told_so_and_goes_on(
    site: Site, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant_id = await id_of(site, acme)
    monkeypatch.setattr(session_settings, "IDLE_IN_TRANSACTION_SECONDS", 0.1)
    async with site.pod() as pod:

        async def be_still() -> None:
            async with pod.cms.database.transaction(tenant_id) as scope:
                await until_ended(site, await scope.fetch("pid", "SELECT pg_backend_pid()"))
                await scope.query(LOCK_TENANT)

        with pytest.raises(Unavailable):
            await be_still()
        assert await pod.cms.database.query(tenant_id, LOCK_TENANT)


async def until_ended(site: Site, found: Sequence[Any]) -> None:
    alive = f"SELECT FROM pg_stat_activity WHERE pid = {found[0][0]}"
    await eventually(lambda: site.fetch(alive), lambda rows: not rows, "the connection ends", 10)


TCP_SETTINGS = (
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_keepalives_count",
    "tcp_user_timeout",
)
TCP_OPTIONS = (
    socket.TCP_KEEPIDLE,
    socket.TCP_KEEPINTVL,
    socket.TCP_KEEPCNT,
    socket.TCP_USER_TIMEOUT,
)


def gives_up_within_a_minute(idle: float, interval: float, count: float, unanswered: float) -> bool:
    return 0 < idle + interval * count <= 60 and 0 < unanswered <= 60


async def told_to_postgresql(fetch: Callable[[str], Awaitable[Sequence[Any]]]) -> list[float]:
    return [float((await fetch(f"{SETTING} WHERE name = '{name}'"))[0][0]) for name in TCP_SETTINGS]


def told_to_the_kernel(port: int) -> list[list[float]]:
    """The same settings of each of this process's connections to the port."""
    found = []
    files = Path("/proc/self/fd").iterdir()
    for number in [int(file.name) for file in files if file.is_socket()]:
        with suppress(OSError), socket.socket(fileno=os.dup(number)) as connection:
            if connection.getpeername()[1:2] == (port,):
                assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                *probes, unanswered = [
                    float(connection.getsockopt(socket.IPPROTO_TCP, option))
                    for option in TCP_OPTIONS
                ]
                found.append([*probes, unanswered / 1000])
    return found


async def test_postgresql_and_pods_look_for_each_other_within_a_minute(
    site: Site, pod: Pod
) -> None:
    expect(await pod.client().get("/health"), 200)
    told = await told_to_postgresql(partial(pod.cms.database.fetch, "test"))
    assert gives_up_within_a_minute(*told)
    assert told in told_to_the_kernel(site.postgres.port)


def owners(site: Site, port: int) -> DatabaseSettings:
    url = site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")
    return DatabaseSettings.model_validate(
        {"database_url": url.replace(f":{site.postgres.port}/", f":{port}/")}
    )


async def test_postgresql_and_a_migration_look_for_each_other_within_a_minute(site: Site) -> None:
    """It holds the lock for all migrations, which nobody else would ever get."""
    async with job.connected(owners(site, site.postgres.port)) as connection:
        told = await told_to_postgresql(connection.fetch)
        assert gives_up_within_a_minute(*told)
        assert told in told_to_the_kernel(site.postgres.port)


async def test_a_migration_whose_database_is_silent_ends(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "_CLOSE_SECONDS", 0.2)
    async with (
        Proxy(site.postgres.port).running() as proxy,
        asyncio.timeout(20),
        job.connected(owners(site, proxy.port)) as connection,
    ):
        proxy.silent = True
        with pytest.raises(TimeoutError):
            await connection.fetch("SELECT 1", timeout=0.1)


async def test_connections_that_a_gateway_has_forgotten_cost_one_request_and_not_one_each(
    site: Site, acme: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_SHOW_SECONDS", 0.1)
    async with (
        Proxy(site.postgres.port).running() as proxy,
        site.pod(DATABASE_URL=through(proxy, site)) as pod,
    ):
        client = pod.client(acme.tokens["accessToken"])
        await asyncio.gather(*(client.get(f"{acme.root}/users") for _ in range(50)))
        assert len(told_to_the_kernel(proxy.port)) == (connections := 5)
        proxy.forget()
        await asyncio.sleep(FRESH_SECONDS)  # so that the directory has to ask
        refused = 0
        while (answer := await client.get(f"{acme.root}/users")).status_code == 503:
            refused += 1
        expect(answer, 200)
        assert 1 <= refused < connections  # one, but on a machine that is slow just then


async def test_who_stops_in_a_transaction_does_not_wait_for_a_database_that_is_silent(
    site: Site, acme: Desk
) -> None:
    tenant_id = await id_of(site, acme)
    began = asyncio.Event()
    async with (
        Proxy(site.postgres.port).running() as proxy,
        site.pod(DATABASE_URL=through(proxy, site)) as pod,
    ):

        async def work() -> None:
            async with pod.cms.database.transaction(tenant_id) as scope, scope.nested():
                proxy.silent = True
                began.set()
                await scope.query(LOCK_TENANT)

        working = asyncio.create_task(work())
        await began.wait()
        await asyncio.sleep(0)
        working.cancel()
        await asyncio.wait({working}, timeout=8)  # an undoing would be given up after twelve
        assert working.cancelled()
