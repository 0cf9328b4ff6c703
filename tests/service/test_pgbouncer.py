"""PgBouncer in transaction mode before PostgreSQL: many pods, few server connections, and a
tenant's rows for that tenant alone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from cms_service.core.postgres import session_settings
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.migrations import job
from tests.service.servers import PgBouncer, Postgres, running
from tests.service.test_tenant_changes import CHANGE, Watch, truth
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    TENANTS,
    Desk,
    Pod,
    Site,
    execute,
    expect,
    expect_problem,
)

SERVER_CONNECTIONS = 2


@pytest.fixture(scope="module")
def bouncer(postgres: Postgres) -> Iterator[PgBouncer]:
    users = {SERVICE_ROLE: SERVICE_PASSWORD, OWNER_ROLE: OWNER_PASSWORD}
    with running(PgBouncer(postgres, users, SERVER_CONNECTIONS)) as server:
        yield server


def url(site: Site, bouncer: PgBouncer, options: str = "&connection_limit=10") -> str:
    place = f"127.0.0.1:{bouncer.port}/{site.database}?pgbouncer=true"
    return f"postgresql://{SERVICE_ROLE}:{SERVICE_PASSWORD}@{place}{options}"


@pytest.fixture
async def pods(site: Site, bouncer: PgBouncer) -> AsyncIterator[list[Pod]]:
    address = url(site, bouncer)
    async with site.pod(DATABASE_URL=address) as first, site.pod(DATABASE_URL=address) as second:
        yield [first, second]


async def test_a_pod_becomes_ready_and_everything_works(pods: list[Pod]) -> None:
    for pod in pods:
        await pod.become_ready()
    acme = await pods[0].log_in("acme")
    await acme.make_type()
    draft = await acme.draft(title="Hello", slug="hello")
    changed = {"fields": {"title": "Changed", "slug": "hello"}}
    expect(await acme.client.put(f"{acme.entries}/{draft['id']}", json=changed), 200)
    await acme.publish(draft["id"])
    expect(await acme.client.get(f"{acme.root}/users"), 200)
    expect(await acme.client.get(acme.entries), 200)
    email = await acme.hire("editor")
    editor = await pods[1].log_in("acme", email)
    found = expect(await editor.client.get(f"{acme.delivery}/hello"), 200)
    assert found["fields"]["title"] == "Changed"
    assert expect(await editor.client.get(acme.delivery), 200)["items"] == [found]
    duplicate = {"fields": {"title": "Another", "slug": "hello"}}
    expect(await acme.client.post(acme.entries, json=duplicate), 409)
    expect(await acme.client.delete(f"{acme.entries}/{draft['id']}"), 204)
    expect(await acme.client.get(f"{acme.delivery}/hello"), 404)


async def test_what_bounds_a_transaction_holds_there_too(pods: list[Pod]) -> None:
    for name, value in session_settings.of_role().items():
        shown = await pods[0].cms.database.fetch("test", f"SHOW {name}")
        assert (name, shown[0][0]) == (name, value)


async def test_what_is_planned_is_done_once_by_two_pods(pods: list[Pod], site: Site) -> None:
    acme = await pods[0].log_in("acme")
    await acme.make_type()
    ids = [(await acme.draft(title=slug, slug=slug))["id"] for slug in ("one", "two", "three")]
    later = {"publishAt": "2999-01-01T00:00:00Z"}
    for entry_id in ids:
        expect(await acme.client.put(f"{acme.entries}/{entry_id}/schedule", json=later), 200)
    past = "UPDATE cms.entry_schedules SET due_at = due_at - interval '1000 years'"
    await execute(site.postgres, site.database, past)
    await asyncio.gather(*(pod.cms.background.run_once() for pod in pods * 2))
    log = expect(await acme.client.get(f"{acme.root}/audit-log?action=published"), 200)
    assert sorted(note["objectId"] for note in log["items"]) == sorted(ids)


async def test_tenants_that_share_two_connections_never_see_one_another(
    pods: list[Pod], site: Site
) -> None:
    desks = [await pod.log_in(tenant) for pod in pods for tenant in TENANTS]
    for desk in desks[: len(TENANTS)]:
        await desk.make_type()

    async def work(desk: Desk, number: int) -> None:
        created = await desk.draft(title=desk.tenant, slug=f"{desk.tenant}-{id(desk)}-{number}")
        mine = expect(await desk.client.get(f"{desk.entries}/{created['id']}"), 200)
        assert mine["fields"]["title"] == desk.tenant
        page = expect(await desk.client.get(f"{desk.entries}?limit=100"), 200)
        assert {entry["fields"]["title"] for entry in page["items"]} == {desk.tenant}
        other = next(each for each in desks if each.tenant != desk.tenant)
        expect_problem(await other.client.get(f"{other.entries}/{created['id']}"), 404)

    await asyncio.gather(*(work(desk, number) for number in range(15) for desk in desks))
    # All that was done by so few: each has served both tenants, one after the other.
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        used = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", SERVICE_ROLE
        )
    finally:
        await connection.close()
    assert used == SERVER_CONNECTIONS


async def test_what_has_changed_is_told_on_whichever_connection(
    pods: list[Pod], site: Site
) -> None:
    watches = [Watch(pod) for pod in pods]
    for _ in range(5):
        await execute(site.postgres, site.database, f"{CHANGE} WHERE name = 'acme'")
        read = await asyncio.gather(*(watch.read_later(*TENANTS) for watch in watches))
        assert read == [await truth(site, *TENANTS)] * 2


async def test_a_connection_carries_no_tenant_to_the_next_one(
    pods: list[Pod], site: Site, bouncer: PgBouncer
) -> None:
    acme = await pods[0].log_in("acme")
    expect(await acme.client.get(f"{acme.root}/users"), 200)
    stranger = await asyncpg.connect(
        url(site, bouncer, "").partition("?")[0], statement_cache_size=0
    )
    try:
        for _ in range(SERVER_CONNECTIONS * 3):
            assert await stranger.fetchval("SELECT count(*) FROM cms.users") == 0
    finally:
        await stranger.close()


async def test_a_pod_with_a_bigger_pool_than_the_server_has_waits_and_serves(
    site: Site, bouncer: PgBouncer
) -> None:
    async with site.pod(DATABASE_URL=url(site, bouncer, "&connection_limit=20")) as pod:
        acme = await pod.log_in("acme")
        asked = [acme.client.get(f"{acme.root}/users") for _ in range(100)]
        assert {answer.status_code for answer in await asyncio.gather(*asked)} == {200}


async def test_migrations_go_the_direct_way(site: Site, bouncer: PgBouncer, tmp_path: Path) -> None:
    """Their lock is a session's: it would hold nobody off, or never end, behind a pooler."""
    (tmp_path / "username").write_text(SERVICE_ROLE)
    (tmp_path / "password").write_text(SERVICE_PASSWORD)
    settings = MigrateSettings.model_validate(
        {
            "database_url": site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}"),
            "service_role_dir": tmp_path,
        }
    )
    async with site.pod(DATABASE_URL=url(site, bouncer)) as pod:
        acme = await pod.log_in("acme")
        assert await asyncio.to_thread(job.run, settings) == 0
        expect(await acme.client.get(f"{acme.root}/users"), 200)
        await pod.become_ready()
