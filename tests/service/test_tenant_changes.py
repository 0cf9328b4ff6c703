# ruff: noqa: S608 - tenants are named by the tests themselves
"""What a pod knows of its tenants is kept true by one question for all of them."""

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import asyncpg
import pytest

from cms_service.core.errors import Unavailable
from cms_service.migrations.files import all_migrations
from cms_service.tenants.changes import MAX_CHANGES, Changes
from cms_service.tenants.directory import FRESH_SECONDS, Found, TenantDirectory
from cms_service.tenants.repository import TenantRepository
from tests.service.servers import Postgres, running
from tests.service.test_expand_and_contract import Database, empty
from tests.service.world import SERVICE_PASSWORD, SERVICE_ROLE, Pod, Site, execute

__all__ = ["empty"]

CHANGE = "UPDATE cms.tenants SET generation = cms.next_generation(generation)"
_names = count(1)


class Source:
    """The database of a pod, which can become that of another one."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod

    async def states(self, names: list[str]) -> Found:
        return await TenantRepository(self.pod.cms.database).states(names)

    async def changes(self, since: str | None) -> Changes:
        return await TenantRepository(self.pod.cms.database).changes(since)


class Watch:
    """A directory, and a clock of its own: nothing has to be waited for."""

    def __init__(self, pod: Pod) -> None:
        self.now = 0.0
        self.source = Source(pod)
        self.directory = TenantDirectory(self.source, lambda: self.now, 60)

    async def read(self, *names: str) -> list[int]:
        """Their generations, 0 for nobody's names."""
        found = await asyncio.gather(*(self.directory.find(name) for name in names))
        return [state.generation if state else 0 for state in found]

    async def read_later(self, *names: str) -> list[int]:
        self.now += FRESH_SECONDS
        return await self.read(*names)

    def questions(self) -> tuple[int, int]:
        """How many were asked for changes, and by name."""
        metrics = self.source.pod.cms.metrics.render().decode()
        found = [
            re.search(rf'duration_seconds_count\{{operation="tenants.{what}"\}} (\d+)', metrics)
            for what in ("changes", "directory")
        ]
        changes, by_name = (int(each[1]) if each else 0 for each in found)
        return changes, by_name


@pytest.fixture
def watch(pod: Pod) -> Watch:
    return Watch(pod)


@asynccontextmanager
async def connected(
    postgres: Postgres, database: str
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(postgres.superuser_url(database))
    try:
        yield connection
    finally:
        await connection.close()


async def make_tenants(site: Site, number: int) -> list[str]:
    names = [f"tenant-{next(_names)}" for _ in range(number)]
    values = ", ".join(f"(gen_random_uuid(), '{name}', '')" for name in names)
    insert = f"INSERT INTO cms.tenants (id, name, display_name) VALUES {values}"
    await execute(site.postgres, site.database, insert)
    return names


async def truth(site: Site, *names: str) -> list[int]:
    rows = await site.fetch("SELECT name, generation FROM cms.tenants")
    generations = {row["name"]: row["generation"] for row in rows}
    return [generations.get(name, 0) for name in names]


async def test_of_transactions_that_end_in_another_order_none_is_missed(
    site: Site, watch: Watch
) -> None:
    tenants = ["acme", "globex"]
    await watch.read(*tenants)
    async with (
        connected(site.postgres, site.database) as first,
        connected(site.postgres, site.database) as second,
    ):
        for connection, name in ((first, "acme"), (second, "globex")):
            await connection.execute(f"BEGIN; {CHANGE} WHERE name = '{name}'")
        for connection in (second, first):
            await connection.execute("COMMIT")
            for _ in range(2):
                assert await watch.read_later(*tenants) == await truth(site, *tenants)


async def test_how_often_is_asked_does_not_depend_on_how_many_tenants_there_are(
    site: Site, watch: Watch
) -> None:
    for number in (1, 300):
        tenants = await make_tenants(site, number)
        await watch.read(*tenants)
        await watch.read_later(*tenants)  # tells that they were made
        changes, by_name = watch.questions()
        for _ in range(5):
            assert await watch.read_later(*tenants) == await truth(site, *tenants)
        assert watch.questions() == (changes + 5, by_name)


async def test_what_has_changed_and_nothing_else_is_asked_for_by_name(
    site: Site, watch: Watch
) -> None:
    tenants = await make_tenants(site, 20)
    await watch.read(*tenants)
    for _ in range(2):
        changes, by_name = watch.questions()
        change = f"{CHANGE} WHERE name = '{tenants[3]}'"
        await execute(site.postgres, site.database, change)
        assert await watch.read_later(*tenants) == await truth(site, *tenants)
        assert watch.questions() == (changes + 1, by_name + 1)


async def test_more_changes_than_are_told_are_all_seen(site: Site, watch: Watch) -> None:
    tenants = await make_tenants(site, MAX_CHANGES + 500)
    await watch.read(*tenants)
    for _ in range(2):
        await execute(site.postgres, site.database, CHANGE)
        changes, by_name = watch.questions()
        assert await watch.read_later(*tenants) == await truth(site, *tenants)
        assert await watch.read_later(*tenants) == await truth(site, *tenants)
        assert watch.questions() == (changes + 2, by_name + 2)  # in two batches


async def test_a_tenant_that_is_deleted_and_made_again_is_another_one(
    site: Site, watch: Watch
) -> None:
    (name,) = await make_tenants(site, 1)
    first = await watch.directory.find(name)
    delete = f"DELETE FROM cms.tenants WHERE name = '{name}'"
    insert = f"""INSERT INTO cms.tenants (id, name, display_name)
        VALUES (gen_random_uuid(), '{name}', '')"""
    await execute(site.postgres, site.database, delete, insert)
    watch.now += FRESH_SECONDS
    second = await watch.directory.find(name)
    assert first is not None
    assert second is not None
    assert second.id != first.id
    await execute(site.postgres, site.database, delete)
    assert await watch.read_later(name, "acme") == await truth(site, name, "acme")


async def test_a_tenant_that_has_another_name_is_not_found_by_the_old_one(
    site: Site, watch: Watch
) -> None:
    (name,) = await make_tenants(site, 1)
    await watch.read(name)
    rename = f"UPDATE cms.tenants SET name = '{name}-new' WHERE name = '{name}'"
    await execute(site.postgres, site.database, rename)
    assert await watch.read(f"{name}-new") == await truth(site, f"{name}-new")
    assert await watch.read_later(name) == [0]


@pytest.mark.parametrize("role", ["origin", "replica"])
async def test_a_writer_who_does_not_know_of_it_is_noticed(
    site: Site, watch: Watch, role: str
) -> None:
    """One of an older release, and one that replicates from elsewhere."""
    (name,) = await make_tenants(site, 1)
    for statement in (f"{CHANGE} WHERE name", "DELETE FROM cms.tenants WHERE name"):
        await watch.read(name)
        write = f"SET session_replication_role = '{role}'; {statement} = '{name}'"
        await execute(site.postgres, site.database, write)
        assert await watch.read_later(name) == await truth(site, name)


async def test_a_database_that_has_tenants_is_migrated(empty: Database) -> None:
    migrations = all_migrations()
    await empty.migrate(migrations[:12])
    insert = """INSERT INTO cms.tenants (id, name, display_name)
        VALUES (gen_random_uuid(), 'acme', '')"""
    await execute(empty.postgres, empty.name, insert)
    await empty.migrate(migrations)
    changed = "SELECT changed_in::text AS number FROM cms.tenants"
    assert [row["number"] for row in await empty.fetch(changed)] == ["0"]
    await execute(empty.postgres, empty.name, CHANGE)
    (row,) = await empty.fetch(changed)
    assert int(row["number"]) > 0


async def test_a_table_emptied_and_filled_behind_the_triggers_is_read_anew(
    site: Site, watch: Watch
) -> None:
    """That is how a restore fills it."""
    await watch.read("acme")
    await execute(
        site.postgres,
        site.database,
        f"""BEGIN; CREATE TEMP TABLE copy AS TABLE cms.tenants; TRUNCATE cms.tenants CASCADE;
            ALTER TABLE cms.tenants DISABLE TRIGGER USER;
            INSERT INTO cms.tenants SELECT * FROM copy; {CHANGE};
            ALTER TABLE cms.tenants ENABLE ALWAYS TRIGGER tenant_changed;
            ALTER TABLE cms.tenants ENABLE ALWAYS TRIGGER tenants_deleted;
            ALTER TABLE cms.tenants ENABLE TRIGGER USER; COMMIT""",
    )
    assert await watch.read_later("acme") == await truth(site, "acme")


@pytest.fixture
def other(site: Site) -> Iterator[Postgres]:
    """A server of what was there when the test began: a restored one, or one that took over
    without having got the last writes.
    """
    server = Postgres().create_standby(site.postgres)
    (server.folder / "data" / "standby.signal").unlink()
    with running(server):
        yield server


@pytest.fixture
async def elsewhere(site: Site, other: Postgres) -> AsyncIterator[Pod]:
    url = other.url(site.database, f"{SERVICE_ROLE}:{SERVICE_PASSWORD}", "?connection_limit=5")
    async with site.pod(DATABASE_URL=url) as pod:
        yield pod


async def test_a_server_that_takes_over_with_fewer_transactions_is_believed(
    site: Site, watch: Watch, other: Postgres, elsewhere: Pod
) -> None:
    for _ in range(50):
        await execute(site.postgres, site.database, CHANGE)
    await watch.read("acme", "globex")
    await watch.read_later("acme", "globex")
    await execute(other, site.database, f"{CHANGE} WHERE name = 'acme'")
    watch.source.pod = elsewhere
    there = Site(other, site.redis, site.database)
    assert await watch.read_later("acme") == await truth(there, "acme")
    await execute(other, site.database, f"{CHANGE} WHERE name = 'globex'")
    assert await watch.read_later("globex") == await truth(there, "globex")


async def test_after_a_restart_or_a_crash_all_is_read_anew(
    site: Site, watch: Watch, other: Postgres, elsewhere: Pod
) -> None:
    watch.source.pod = elsewhere
    there = Site(other, site.redis, site.database)
    for stop in (crash, restart):
        before = await watch.read_later("acme", "globex")
        (row,) = await there.fetch("SELECT cms.tenant_history() AS history")
        await stop(there)
        (again,) = await there.fetch("SELECT cms.tenant_history() AS history")
        assert again["history"] != row["history"]
        await execute(other, site.database, f"{CHANGE} WHERE name = 'acme'")
        _, by_name = watch.questions()
        after = await found_again(watch, "acme", "globex")
        assert after == await truth(there, "acme", "globex")
        assert (after[0] > before[0], after[1]) == (True, before[1])
        assert watch.questions()[1] == by_name + 1


async def restart(there: Site) -> None:
    there.postgres.kill()
    there.postgres.start()


async def crash(there: Site) -> None:
    """All connections end, the server itself goes on."""
    async with connected(there.postgres, there.database) as connection:
        os.kill(await connection.fetchval("SELECT pg_backend_pid()"), signal.SIGKILL)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.fetchval("SELECT pg_sleep(10)")
    async with asyncio.timeout(30):
        while True:
            try:
                await there.fetch("SELECT 1")
            except (asyncpg.PostgresError, OSError):
                await asyncio.sleep(0.05)
            else:
                return


async def found_again(watch: Watch, *names: str) -> list[int]:
    """Connections from before fail once each."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await watch.read_later(*names)
            except Unavailable:
                await asyncio.sleep(0.01)
