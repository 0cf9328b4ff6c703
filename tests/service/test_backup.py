# ruff: noqa: S603 - the commands are the page's
"""What docs/backup.md says, from the first tenant's entry to a pod on another server."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest

from tests.service.packages import program, require
from tests.service.servers import Postgres, Redis, running
from tests.service.world import Desk, Site, execute, expect, migrate
from tests.support.pages import DOCS, blocks

PAGE = DOCS / "backup.md"
PASSWORD = "a-password-for-the-page"
OWNER = "shop_owner"
PLACE = "HOST:5432"
_TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'cms'"


class Page(NamedTuple):
    backup_role: list[str]
    dump: str
    target: list[str]
    restore: str


def page() -> Page:
    """Its commands, with a password where it has none."""
    first, second = (sql.replace("…", PASSWORD) for sql in blocks(PAGE, "sql"))
    dump, restore = blocks(PAGE, "sh")
    return Page(statements(first), dump, statements(second), restore)


def statements(sql: str) -> list[str]:
    return [part for part in sql.split(";\n") if part.strip()]


def run(command: str, server: Postgres, folder: Path) -> "subprocess.CompletedProcess[str]":
    passwords = folder / "pgpass"
    passwords.write_text(f"*:*:*:*:{PASSWORD}\n")
    passwords.chmod(0o600)
    return subprocess.run(
        ["/bin/sh", "-ec", command.replace(PLACE, f"127.0.0.1:{server.port}")],
        env={
            "PATH": f"{program('pg_dump').parent}:{os.environ['PATH']}",
            "PGPASSFILE": str(passwords),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def done(result: "subprocess.CompletedProcess[str]") -> None:
    assert result.returncode == 0, result.stderr


async def rows(server: Postgres, database: str) -> dict[str, int]:
    """How many each table has."""
    connection = await asyncpg.connect(server.superuser_url(database))
    try:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        return {
            table: await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608
            for table in tables
        }
    finally:
        await connection.close()


def url(server: Postgres, database: str) -> str:
    return server.url(database, f"{OWNER}:{PASSWORD}")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Postgres]]:
    """The one that is lost, and a new one."""
    require("pg_dump", "pg_restore")
    with running(Postgres().create()) as old, running(Postgres().create()) as new:
        yield old, new


@pytest.fixture(scope="module")
def shop(servers: tuple[Postgres, Postgres], tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    old, _ = servers
    target = [sql.replace("shop_restored", "shop") for sql in page().target]
    asyncio.run(execute(old, "postgres", *target, *page().backup_role))
    migrate(url(old, "shop"), tmp_path_factory.mktemp("job"))
    return old


@pytest.fixture
async def desk(shop: Postgres, redis: Redis) -> AsyncIterator[Desk]:
    redis.command("FLUSHALL")
    async with Site(shop, redis, "shop").pod() as pod:
        yield await pod.log_in("acme")


async def test_a_dump_by_the_pages_role_is_a_whole_deployment_on_another_server(
    servers: tuple[Postgres, Postgres], desk: Desk, redis: Redis, tmp_path: Path
) -> None:
    old, new = servers
    await desk.make_type()
    published = await desk.publish_new(title="Kept", slug="kept")
    draft = await desk.draft(title="A draft", slug="draft")
    dumped = await rows(old, "shop")
    assert (dumped["cms.tenants"], dumped["cms.users"], dumped["cms.entries"]) == (2, 2, 2)
    done(run(page().dump, old, tmp_path))
    await desk.publish_new(title="Too late", slug="too-late")

    await execute(new, "postgres", *page().target)
    done(run(page().restore, new, tmp_path))
    (tmp_path / "job").mkdir()
    await asyncio.to_thread(migrate, url(new, "shop_restored"), tmp_path / "job")

    assert await rows(new, "shop_restored") == dumped
    async with Site(new, redis, "shop_restored").pod() as pod:
        await pod.become_ready()
        acme = await pod.log_in("acme")
        assert [e["slug"] for e in expect(await acme.client.get(acme.delivery), 200)["items"]] == [
            "kept"
        ]
        for entry in (published, draft):
            found = expect(await acme.client.get(f"{acme.entries}/{entry['id']}"), 200)
            assert found["fields"] == entry["fields"]
        await acme.publish_new(title="Written anew", slug="anew")
        assert (await pod.log_in("globex")).tokens


def test_a_dump_as_the_owner_fails_and_one_that_row_level_security_cuts_is_empty(
    shop: Postgres, tmp_path: Path
) -> None:
    as_owner = page().dump.replace("shop_backup", OWNER).replace("custom", "plain")
    refused = run(as_owner, shop, tmp_path)
    assert refused.returncode != 0
    assert "query would be affected by row-level security policy" in refused.stderr
    done(run(as_owner.replace("pg_dump", "pg_dump --enable-row-security"), shop, tmp_path))
    dumped = (tmp_path / "shop.dump").read_text()
    tenants = re.search(r"^COPY cms\.tenants .*?\n(.*?)\\\.$", dumped, re.DOTALL | re.MULTILINE)
    assert tenants is not None
    assert tenants[1] == ""
