# ruff: noqa: S608 - tables are named by the catalogue
"""A customer leaves: `cms tenants delete`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from cms_service.limits.manage import change
from cms_service.tenants import removal
from tests.service.processes import run_cms
from tests.service.test_api_keys import holder, make_key
from tests.service.test_hosts import at, make_host
from tests.service.test_tenant_border import fill, tenant_id
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    PASSWORD,
    Desk,
    Pod,
    Site,
    expect,
    expect_problem,
    migrate,
    owner_email,
)
from tests.support import log_lines

_TABLES = """SELECT table_name::text FROM information_schema.columns
             WHERE table_schema = 'cms' AND column_name = 'tenant_id'"""
# What a transaction takes away again that has filled it.
_EMPTY = {"uncounted_bytes"}


def url_of_owner(site: Site) -> str:
    return site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")


@asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def at_once(_: float) -> None:
    """No pod is about that would have to notice."""
    await asyncio.sleep(0)


async def rows_of(site: Site, tenant: UUID) -> dict[str, list[str]]:
    """All of a tenant's, as text, by table."""
    async with connected(site.postgres.superuser_url(site.database)) as connection:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        found = {
            "tenants": await connection.fetch(
                "SELECT t::text FROM cms.tenants t WHERE id = $1", tenant
            )
        }
        for table in tables:
            rows = f"SELECT t::text FROM cms.{table} t WHERE tenant_id = $1 ORDER BY 1"
            found[table] = await connection.fetch(rows, tenant)
    return {table: [row[0] for row in rows] for table, rows in found.items()}


def tables_with(rows: dict[str, list[str]]) -> set[str]:
    return {table for table, found in rows.items() if found}


async def fill_all(site: Site, desk: Desk) -> None:
    """Also what commands and answers fill."""
    await fill(desk)
    user = {"email": f"named@{desk.tenant}.example", "password": PASSWORD, "role": "viewer"}
    named = {"Idempotency-Key": "once"}
    expect(await desk.client.post(f"{desk.root}/users", json=user, headers=named), 201)
    async with connected(url_of_owner(site)) as connection:
        await change(connection, desk.tenant, {"users": 50})


def delete(site: Site, *arguments: str) -> Any:
    command = ("tenants", "delete", *arguments)
    return run_cms(*command, environment={"DATABASE_URL": url_of_owner(site)})


async def test_a_removed_tenant_leaves_nothing_and_another_one_is_as_it_was(
    site: Site, acme: Desk, globex: Desk
) -> None:
    await fill_all(site, acme)
    await fill_all(site, globex)
    gone, stays = [await tenant_id(site, name) for name in ("acme", "globex")]
    before = await rows_of(site, stays)
    assert before.keys() - tables_with(before) == _EMPTY
    assert tables_with(await rows_of(site, gone)) == tables_with(before)

    done = await asyncio.to_thread(delete, site, "acme", "--confirm", "acme")
    assert done.returncode == 0, done.stderr
    assert "spec.tenants" in done.stderr
    assert tables_with(await rows_of(site, gone)) == set()
    assert await rows_of(site, stays) == before

    closed, removed = log_lines.read(done.stdout.splitlines())
    assert (closed["message"], closed["databaseUser"]) == ("tenant closed", OWNER_ROLE)
    assert (removed["message"], removed["tenant"]) == ("tenant removed", "acme")
    assert removed["tenantId"] == str(gone)
    expect(await globex.client.get(f"{globex.delivery}/hello"), 200)
    await make_host(globex, "acme.example")
    again = await asyncio.to_thread(delete, site, "acme", "--confirm", "acme")
    assert (again.returncode, again.stderr) == (1, "There is no tenant acme.\n")


async def test_nobody_gets_in_on_any_pod_a_second_after_a_tenant_was_closed(
    site: Site, pod: Pod, acme: Desk, globex: Desk, tmp_path: Path
) -> None:
    await acme.make_type()
    await acme.publish_new(title="Hello", slug="hello")
    await acme.open_to_the_public()
    await make_host(acme, "www.acme.example")
    key = (await make_key(acme))["key"]
    session = await pod.log_in("acme")
    body = {"email": owner_email("acme"), "password": PASSWORD}
    refresh = {"refreshToken": session.tokens["refreshToken"]}

    async def statuses(asked: Pod) -> list[int]:
        with_key, public = holder(asked, key), asked.client()
        own_host = at(asked, "www.acme.example")
        token = asked.client(acme.tokens["accessToken"])
        return [
            (await public.post(f"{acme.root}/auth/login", json=body)).status_code,
            (await token.get(acme.root)).status_code,
            (await with_key.get(f"{acme.delivery}/hello")).status_code,
            (await public.get(f"{acme.delivery}/hello")).status_code,
            (await own_host.get("/v1/content/article/hello")).status_code,
        ]

    async with site.pod() as other:
        for asked in (pod, other):
            assert await statuses(asked) == [200] * 5
        async with connected(url_of_owner(site)) as connection:
            assert await removal.close(connection, "acme")
        await asyncio.sleep(1)
        for asked in (pod, other):
            assert not {200, 500, 503} & set(await statuses(asked))
            again = await asked.client().post(f"{acme.root}/auth/refresh", json=refresh)
            expect_problem(again, 401)

    taken = {"host": "www.acme.example"}
    expect_problem(await globex.client.post(f"{globex.root}/hosts", json=taken), 409)
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    create = ["tenants", "create", "acme", "--owner-email", owner_email("acme")]
    create += ["--password-file", str(password)]
    made = await asyncio.to_thread(
        run_cms, *create, environment={"DATABASE_URL": url_of_owner(site)}
    )
    assert made.returncode == 1
    (tmp_path / "job").mkdir()
    await asyncio.to_thread(migrate, url_of_owner(site), tmp_path / "job")
    names = await site.fetch("SELECT name FROM cms.tenants ORDER BY name")
    assert [row["name"] for row in names] == ["acme", "globex"]
    assert (
        await site.fetch("SELECT FROM cms.tenants WHERE name = 'acme' AND closed_at IS NULL") == []
    )


@pytest.mark.parametrize("rounds", [0, 1, 3, 10])
async def test_what_was_stopped_half_way_is_gone_on_with(
    site: Site, acme: Desk, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    monkeypatch.setattr(removal, "_ROUND_ROWS", 2)
    await fill_all(site, acme)
    tenant = await tenant_id(site, "acme")
    before = sum(map(len, (await rows_of(site, tenant)).values()))
    async with connected(url_of_owner(site)) as connection:
        assert await removal.close(connection, "acme") == tenant
        taking = removal.remove(connection, tenant, at_once)
        taken = [await anext(taking) for _ in range(rounds)]
        assert all(number <= 2 for number in taken)
    await taking.aclose()
    left = await rows_of(site, tenant)
    assert (before - sum(map(len, left.values())) > 0) == (rounds > 0)
    assert left["tenant_hosts"]

    done = await asyncio.to_thread(delete, site, "acme", "--confirm", "acme")
    assert done.returncode == 0, done.stderr
    assert tables_with(await rows_of(site, tenant)) == set()


async def test_a_write_that_was_under_way_leaves_nothing_behind_and_others_write_on(
    site: Site, acme: Desk, globex: Desk
) -> None:
    """It ends, or fails, before the tenant's own row goes."""
    await acme.make_type()
    await globex.make_type()
    entry = await acme.draft(title="Changed meanwhile")
    tenant = await tenant_id(site, "acme")
    waited = asyncio.Event()

    async def wait(_: float) -> None:
        waited.set()
        await asyncio.sleep(0.05)

    async def remove_all() -> None:
        async with connected(url_of_owner(site)) as connection:
            assert await removal.remove_by_name(connection, "acme", wait)

    async with connected(site.postgres.superuser_url(site.database)) as late:
        await late.execute("SELECT set_config('cms.tenant', $1, false)", str(tenant))
        async with late.transaction():
            await late.execute(
                "UPDATE cms.entries SET fields = '{}' WHERE id = $1", UUID(entry["id"])
            )
            removing = asyncio.create_task(remove_all())
            await waited.wait()
            waited.clear()
            await waited.wait()  # until a round gave way
            await globex.publish_new(title="Undisturbed", slug="undisturbed")
            insert = """INSERT INTO cms.entry_versions
                        SELECT tenant_id, id, 99, content_type_id, 'saved', NULL, NULL, fields
                        FROM cms.entries WHERE id = $1"""
            await late.execute(insert, UUID(entry["id"]))
    await removing
    assert tables_with(await rows_of(site, tenant)) == set()


async def test_what_redis_keeps_of_a_tenant_ends_by_itself(
    site: Site, pod: Pod, acme: Desk
) -> None:
    await fill_all(site, acme)
    await pod.log_in("acme")
    expect(await acme.client.get(f"{acme.delivery}/hello"), 200)
    tenant = await tenant_id(site, "acme")
    keys = [
        word for word in site.redis.command("KEYS", f"*{tenant}*").split() if str(tenant) in word
    ]
    assert keys
    for key in keys:
        assert int(site.redis.command("TTL", key).strip(":\r\n")) >= 0, key


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["acme"], 2, "--confirm"),
        (["acme", "--confirm", "globex"], 1, "Nothing was changed"),
        (["nobody", "--confirm", "nobody"], 1, "There is no tenant nobody."),
    ],
)
async def test_a_removal_that_was_not_confirmed_is_refused(
    site: Site, arguments: list[str], code: int, said: str
) -> None:
    refused = await asyncio.to_thread(delete, site, *arguments)
    assert refused.returncode == code
    assert said in refused.stderr
    closed = "SELECT count(*) AS n FROM cms.tenants WHERE closed_at IS NULL"
    assert (await site.fetch(closed))[0]["n"] == 2
    assert refused.stdout == ""
