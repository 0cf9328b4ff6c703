"""Schema and release in every order in which a team can move them."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cms_service.core.settings.migrate import MigrateSettings
from cms_service.migrations import job, runner
from cms_service.migrations.errors import MigrationError, Refusal, RefusedError
from cms_service.migrations.explain import explain
from cms_service.migrations.files import Migration, all_migrations, combine, parse
from tests.service.patience import PATIENCE
from tests.service.servers import Postgres, Redis
from tests.service.waiting import eventually, until
from tests.service.world import OWNER_PASSWORD, OWNER_ROLE, Site, execute, expect

_numbers = count(1)
_BEFORE = 2
_FIRST_WITH_COUNTERS = 8
_WITHOUT_NUMBERS = 27
LATER = {
    "0003_c.sql": (1, "CREATE TABLE cms.c ()"),
    "0003_c.contract.sql": (3, "CREATE TABLE cms.c_contracted ()"),
    "0004_d.sql": (1, "CREATE TABLE cms.d ()"),
    "0004_d.contract.sql": (4, "CREATE TABLE cms.d_contracted ()"),
    "0005_e.sql": (3, "CREATE TABLE cms.e ()"),
}
CRASH = "SELECT pg_terminate_backend(pg_backend_pid())"
BROKEN = "SELECT 1/0"


def _own() -> list[Migration]:
    """The product's migrations but its later indexes, put together to two: the releases below begin
    after them.
    """
    first, second, *others = all_migrations()
    sql = "\n".join(other.sql for other in (second, *others) if not other.statements)
    return [replace(first, contract=None), replace(second, contract=None, sql=sql)]


def release(version: int, **changed: str) -> tuple[Migration, ...]:
    """The product's own migrations and those above, up to `version`, some with another text."""
    texts = {
        name: f"-- oldest-readable: {oldest}\n{changed.get(name.split('_', 1)[1], sql)};"
        for name, (oldest, sql) in LATER.items()
        if int(name[:4]) <= version
    }
    return combine([*_own(), *(parse(name, sql) for name, sql in texts.items())])


@dataclass
class Database:
    postgres: Postgres
    name: str
    environment: dict[str, str]
    service_url: str = ""

    async def migrate(self, migrations: Sequence[Migration], **changes: str) -> job.Report:
        return await job.migrate(self._settings(changes), migrations)

    async def contract(self, migrations: Sequence[Migration], **changes: str) -> job.Report:
        return await job.migrate(self._settings(changes), migrations, contract=True)

    def _settings(self, changes: dict[str, str]) -> MigrateSettings:
        return MigrateSettings.model_validate(self.environment | changes)

    async def fetch(self, query: str) -> list[Any]:
        connection = await asyncpg.connect(self.postgres.superuser_url(self.name))
        try:
            rows: list[Any] = await connection.fetch(query)
            return rows
        finally:
            await connection.close()

    async def schema(self) -> str:
        """Versions, those that are contracted with a c, and the tables that prove it."""
        rows = await self.fetch(
            "SELECT version, contracted_at IS NOT NULL AS c FROM cms.schema_migrations ORDER BY 1"
        )
        tables = await self.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'cms'::regnamespace"
            " AND relname ~ '^[cde](_contracted)?$'"
        )
        found = {row["relname"] for row in tables}
        for row in rows[_BEFORE:]:
            letter = "abcde"[row["version"] - 1]
            assert letter in found
            assert (f"{letter}_contracted" in found) == row["c"]
        return " ".join(f"{row['version']}{'c' if row['c'] else ''}" for row in rows)

    async def everything(self) -> list[Any]:
        """All that could have changed, times among it."""
        return [
            await self.fetch("SELECT to_jsonb(m) FROM cms.schema_migrations m ORDER BY version"),
            await self.fetch("SELECT to_jsonb(s) FROM cms.schema_state s"),
            await self.fetch("SELECT oid, relname FROM pg_class ORDER BY oid"),
        ]


@pytest.fixture
async def empty(postgres: Postgres, owner_role: str, tmp_path: Path) -> AsyncIterator[Database]:
    number = next(_numbers)
    name, role = f"contracts_{number}", f"contracts_service_{number}"
    await execute(postgres, "postgres", f"CREATE DATABASE {name} OWNER {owner_role}")
    (tmp_path / "username").write_text(role)
    (tmp_path / "password").write_text("service-password")
    environment = {
        "database_url": postgres.url(name, f"{OWNER_ROLE}:{OWNER_PASSWORD}"),
        "service_role_dir": str(tmp_path),
    }
    yield Database(postgres, name, environment, postgres.url(name, f"{role}:service-password"))
    await execute(postgres, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
    await execute(postgres, "postgres", f"DROP ROLE IF EXISTS {role}")


@pytest.fixture
async def old(empty: Database) -> Database:
    """A database as the first releases left it: two migrations, and no record of contracts or an
    owner.
    """
    await empty.migrate(release(2))
    await execute(
        empty.postgres,
        empty.name,
        "ALTER TABLE cms.schema_migrations DROP COLUMN contract_checksum",
        "ALTER TABLE cms.schema_migrations DROP COLUMN contracted_at",
        "DROP TABLE cms.schema_state",
    )
    return empty


async def refusal(attempt: Any) -> tuple[Refusal, str]:
    with pytest.raises(RefusedError) as refused:
        await attempt
    return refused.value.refusal, str(refused.value)


async def test_a_release_expands_and_contracts_when_it_is_alone(old: Database) -> None:
    report = await old.migrate(release(3))
    assert (report.from_version, report.to_version, report.oldest_readable) == (2, 3, 1)
    assert (report.schema_version, report.to_contract) == (3, 1)
    assert await old.schema() == "1 2 3"
    report = await old.contract(release(3))
    assert (report.to_version, report.oldest_readable, report.to_contract) == (3, 3, 0)
    assert await old.schema() == "1 2 3c"
    again = await old.everything()
    assert (await old.contract(release(3))).to_contract == 0
    assert await old.everything() == again


async def test_a_new_database_has_no_reader_to_wait_for(empty: Database) -> None:
    report = await empty.migrate(release(5))
    assert (report.from_version, report.to_version, report.to_contract) == (0, 5, 0)
    assert await empty.schema() == "1 2 3c 4c 5"


async def test_a_skipped_release_leaves_its_contract_until_nobody_needs_what_it_takes(
    old: Database,
) -> None:
    report = await old.migrate(release(4))
    assert (await old.schema(), report.to_contract) == ("1 2 3 4", 2)
    await old.contract(release(4))
    assert await old.schema() == "1 2 3c 4c"


async def test_an_expand_that_the_serving_release_cannot_live_with_is_refused(
    old: Database,
) -> None:
    reason, sentence = await refusal(old.migrate(release(5), database_schema_in_use="2"))
    assert reason is Refusal.RELEASE_SKIPPED
    assert "Release one made for schema 3 to 4 first" in sentence
    assert await old.fetch("SELECT max(version) AS v FROM cms.schema_migrations") == [(2,)]
    await old.migrate(release(4), database_schema_in_use="2")
    await old.migrate(release(5), database_schema_in_use="4")


async def test_a_contract_that_failed_is_made_up_for_by_the_next_release(old: Database) -> None:
    await old.migrate(release(4))
    broken = {"d.contract.sql": BROKEN}
    with pytest.raises(asyncpg.DivisionByZeroError):
        await old.contract(release(4, **broken))
    assert await old.schema() == "1 2 3c 4", "what went before stays done"
    report = await old.migrate(release(5))
    assert await old.schema() == "1 2 3c 4c 5", "release 4 was alone, and only newer ones came"
    assert report.to_contract == 0


async def test_what_was_rolled_back_to_since_is_not_contracted_away(old: Database) -> None:
    await old.migrate(release(4))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await old.contract(release(4, **{"d.contract.sql": BROKEN}))
    await old.migrate(release(3))
    report = await old.migrate(release(5))
    assert await old.schema() == "1 2 3c 4 5", "release 3 may still run"
    assert report.to_contract == 1
    await old.contract(release(5))
    assert await old.schema() == "1 2 3c 4c 5"


async def test_what_serves_is_not_contracted_away_though_it_was_not_announced_again(
    old: Database,
) -> None:
    """A rollback by annotation runs no migration."""
    await old.migrate(release(4))
    with pytest.raises(asyncpg.DivisionByZeroError):
        await old.contract(release(4, **{"d.contract.sql": BROKEN}))
    report = await old.migrate(release(5), database_schema_in_use="3")
    assert await old.schema() == "1 2 3c 4 5"
    assert report.to_contract == 1
    await old.contract(release(5))
    assert await old.schema() == "1 2 3c 4c 5"


async def test_a_rollback_between_expand_and_contract_touches_nothing(old: Database) -> None:
    await old.migrate(release(3))
    tables = await old.fetch("SELECT oid, relname FROM pg_class ORDER BY oid")
    report = await old.migrate(release(2))
    assert (report.from_version, report.to_version, report.schema_version) == (3, 3, 2)
    assert await old.fetch("SELECT oid, relname FROM pg_class ORDER BY oid") == tables
    with pytest.raises(MigrationError, match="made for schema 2 was announced after this one"):
        await old.contract(release(3))
    assert await old.schema() == "1 2 3"
    await old.migrate(release(3))
    await old.contract(release(3))
    assert await old.schema() == "1 2 3c"


async def test_a_release_that_cannot_read_the_schema_is_refused_before_it_changes_anything(
    old: Database,
) -> None:
    await old.migrate(release(4))
    await old.contract(release(4))
    before = await old.everything()
    for attempt in (old.migrate, old.contract):
        reason, sentence = await refusal(attempt(release(3)))
        assert reason is Refusal.SCHEMA_TOO_NEW
        assert "works with releases made for schema 4 or newer; this one was made for 3" in sentence
    assert await old.everything() == before


async def test_a_pod_of_such_a_release_does_not_become_ready(site: Site) -> None:
    newest = f"version = {_BEFORE}"
    table = "UPDATE cms.schema_migrations SET oldest_readable"
    await execute(site.postgres, site.database, f"{table} = 99 WHERE {newest}")
    try:
        async with site.pod() as pod:
            starting = asyncio.create_task(pod.become_ready())
            await until(
                lambda: "made for version 99 or newer" in str(pod.cms.lifecycle.blocker),
                "the pod refuses the schema",
            )
            assert not starting.done()
            starting.cancel()
    finally:
        await execute(site.postgres, site.database, f"{table} = 1 WHERE {newest}")


async def test_a_contract_comes_after_its_expand(old: Database) -> None:
    for _ in range(2):
        with pytest.raises(MigrationError, match="run migrate without --contract first"):
            await old.contract(release(3))
    await old.migrate(release(2))
    with pytest.raises(MigrationError, match="at version 2, this release was made for 3"):
        await old.contract(release(3))


@pytest.mark.parametrize("name", ["c.sql", "c.contract.sql"])
async def test_a_script_that_was_changed_afterwards_is_noticed(empty: Database, name: str) -> None:
    await empty.migrate(release(3))
    with pytest.raises(MigrationError, match=f"0003_{name} was changed after it was applied"):
        await empty.migrate(release(4, **{name: "SELECT 2"}))
    assert await empty.schema() == "1 2 3c"


async def test_a_script_that_was_corrected_is_the_same_to_every_release(empty: Database) -> None:
    (*_, faulty) = release(3)
    corrected = replace(
        faulty, sql=f"-- first\n-- recorded as: {faulty.checksum}\nCREATE TABLE cms.c ();"
    )
    for scripts in ((*release(3)[:-1], corrected), release(3), (*release(3)[:-1], corrected)):
        await empty.migrate(scripts)
    assert await empty.schema() == "1 2 3c"


async def test_a_number_that_was_left_out_is_noticed(old: Database) -> None:
    await old.migrate(release(4))
    await execute(
        old.postgres,
        old.name,
        "DELETE FROM cms.schema_migrations WHERE version = 3",
    )
    with pytest.raises(MigrationError, match=r"at schema 4 and lacks 0003_c\.sql"):
        await old.migrate(release(4))


LOST = (asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError)
EXPANDING = ["c.sql", "d.sql", "e.sql"]
CONTRACTING = ["c.contract.sql", "d.contract.sql"]


async def release_fully(database: Database, migrations: Sequence[Migration]) -> None:
    await database.migrate(migrations)
    await database.contract(migrations)


@pytest.mark.parametrize("script", [*EXPANDING, *CONTRACTING])
@pytest.mark.parametrize("new", [True, False], ids=["new", "old"])
async def test_after_a_crash_at_any_script_the_same_release_ends_where_it_would_have(
    empty: Database, script: str, *, new: bool
) -> None:
    if not new:
        await empty.migrate(release(2))
    with pytest.raises(LOST) as lost:
        await release_fully(empty, release(5, **{script: CRASH}))
    assert explain(lost.value, "db/cms") == "The connection to db/cms was lost."
    report = await empty.migrate(release(5))
    done = new or script in CONTRACTING
    assert await empty.schema() == ("1 2 3c 4c 5" if done else "1 2 3 4 5")
    assert report.to_contract == (0 if done else 2)
    report = await empty.contract(release(5))
    assert await empty.schema() == "1 2 3c 4c 5"
    assert (report.to_contract, report.oldest_readable) == (0, 4)


@pytest.mark.parametrize("script", EXPANDING)
async def test_after_a_crash_the_release_before_still_runs(old: Database, script: str) -> None:
    with pytest.raises(LOST):
        await old.migrate(release(5, **{script: CRASH}))
    report = await old.migrate(release(4))
    assert report.oldest_readable == 1
    assert await old.schema() == "1 2 3 4"


OWNER = "team-a/shop"


async def test_a_database_belongs_to_the_first_that_asks_and_to_one_made_again(
    old: Database,
) -> None:
    await old.migrate(release(2), database_owner=OWNER)
    await old.migrate(release(2), database_owner=OWNER)
    before = await old.everything()
    for stranger in ("team-a/other", "team-b/shop"):
        for attempt in (old.migrate, old.contract):
            reason, sentence = await refusal(attempt(release(3), database_owner=stranger))
            assert reason is Refusal.DATABASE_OWNED
            assert f"belongs to the HeadlessCMS {OWNER}, and {stranger} asks" in sentence
    assert await old.everything() == before


async def test_a_database_is_handed_over_from_the_owner_that_is_named(old: Database) -> None:
    await old.migrate(release(2), database_owner=OWNER)
    new = {"database_owner": "team-b/shop"}
    await refusal(old.migrate(release(2), **new, database_take_over_from="team-c/shop"))
    await old.migrate(release(2), **new, database_take_over_from=OWNER)
    await old.migrate(release(2), **new, database_take_over_from=OWNER)
    await refusal(old.migrate(release(2), database_owner=OWNER))


async def test_without_an_owner_none_is_set_and_none_checked(old: Database) -> None:
    await old.migrate(release(2))
    assert await old.fetch("SELECT owner FROM cms.schema_state") == [(None,)]
    await old.migrate(release(2), database_owner=OWNER)
    await old.migrate(release(3))
    assert await old.fetch("SELECT owner FROM cms.schema_state") == [(OWNER,)]


async def test_a_script_that_takes_too_long_is_taken_back(old: Database) -> None:
    slow = release(3, **{"c.sql": "CREATE TABLE cms.c (); SELECT pg_sleep(60)"})
    with pytest.raises(MigrationError, match=r"0003_c\.sql did not end in time"):
        await old.migrate(slow, migration_timeout_seconds="1")
    await old.migrate(release(3))


def with_index() -> tuple[Migration, ...]:
    index = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS c_n ON cms.c (n);"
    texts = {
        "0003_c.sql": "CREATE TABLE cms.c (n int);",
        "0004_i.sql": f"-- each statement by itself\n{index}\nALTER INDEX cms.c_n RENAME TO c_own;",
    }
    scripts = [parse(name, f"-- oldest-readable: 1\n{sql}\n") for name, sql in texts.items()]
    return combine([*_own(), *scripts])


async def test_an_index_that_was_not_finished_is_built_anew(empty: Database) -> None:
    await empty.migrate(with_index()[:3])
    await execute(empty.postgres, empty.name, "INSERT INTO cms.c VALUES (1), (1)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await empty.migrate(with_index())
    valid = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index"
    valid += " WHERE indrelid = 'cms.c'::regclass"
    assert await empty.fetch(valid) == [("cms.c_n", False)]
    await execute(empty.postgres, empty.name, "DELETE FROM cms.c")
    assert (await empty.migrate(with_index())).to_version == 4
    assert await empty.fetch(valid) == [("cms.c_own", True)]


async def test_an_index_is_built_while_others_write(empty: Database) -> None:
    await empty.migrate(with_index()[:3])
    writer = await asyncpg.connect(empty.postgres.superuser_url(empty.name))
    try:
        async with writer.transaction():
            await writer.execute("INSERT INTO cms.c VALUES (1)")
            migration = asyncio.create_task(empty.migrate(with_index()))
            await eventually(
                lambda: empty.fetch("SELECT FROM pg_locks WHERE NOT granted"),
                bool,
                "the migration waits for the writer",
            )
            async with asyncio.timeout(PATIENCE):
                await execute(empty.postgres, empty.name, "INSERT INTO cms.c VALUES (2)")
        assert (await migration).to_version == 4
    finally:
        await writer.close()


async def test_a_script_that_waits_for_a_lock_lets_the_requests_behind_it_through(
    old: Database,
) -> None:
    waiting = release(3, **{"c.sql": "ALTER TABLE cms.users ADD COLUMN c int"})
    holder = await asyncpg.connect(old.postgres.superuser_url(old.name))
    reader = holder.transaction()
    await reader.start()
    await holder.execute("SELECT FROM cms.users")
    try:
        with pytest.raises(MigrationError, match="could not get its locks in time"):
            await old.migrate(
                waiting, migration_timeout_seconds="2", migration_lock_timeout_seconds="0.1"
            )
    finally:
        await reader.rollback()
        await holder.close()
    await old.migrate(waiting)


async def test_requests_go_on_while_a_backup_keeps_a_migration_from_its_table(
    old: Database,
) -> None:
    waiting = release(3, **{"c.sql": "ALTER TABLE cms.users ADD COLUMN c int"})
    url = old.postgres.superuser_url(old.name)
    backup = await asyncpg.connect(url, server_settings={"application_name": "pg_dump"})
    client = await asyncpg.connect(url)
    reading = backup.transaction(isolation="repeatable_read")
    await reading.start()
    await backup.execute("SELECT FROM cms.users")
    migration = asyncio.create_task(old.migrate(waiting, migration_timeout_seconds="8"))
    held_up = []
    try:
        while not migration.done():
            started = time.monotonic()
            await client.execute("SELECT FROM cms.users")
            held_up.append(time.monotonic() - started)
            await asyncio.sleep(0.01)
        with pytest.raises(MigrationError, match=r"in use all the time by pg_dump \(role .*\)\.$"):
            await migration
    finally:
        await reading.rollback()
        await backup.close()
        await client.close()
    assert max(held_up) < 2, "five seconds and more without the care"
    assert (await old.migrate(waiting)).to_version == 3


async def test_a_script_that_waits_for_who_waits_for_it_tries_again(old: Database) -> None:
    crossing = "LOCK TABLE cms.tenants; ALTER TABLE cms.users ADD COLUMN c int"
    holder = await asyncpg.connect(old.postgres.superuser_url(old.name))
    await holder.execute("SET deadlock_timeout = '1min'")  # so that the script is given up
    writer = holder.transaction()
    await writer.start()
    await holder.execute("SELECT FROM cms.users")
    migration = asyncio.create_task(old.migrate(release(3, **{"c.sql": crossing})))
    try:
        await until_tenants_are_locked(old)
        await holder.execute("SELECT FROM cms.tenants")
    finally:
        await writer.rollback()
        await holder.close()
    assert (await migration).to_version == 3


async def until_tenants_are_locked(database: Database) -> None:
    locked = """SELECT FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock'
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND relation = 'cms.tenants'::regclass"""
    await eventually(lambda: database.fetch(locked), bool, "the table of tenants is locked")


_OLD_CONTENT = (
    """INSERT INTO cms.tenants (id, name, display_name, delivery_access)
       SELECT gen_random_uuid(), name, 'Old', 'public' FROM unnest(ARRAY['old', 'other']) name""",
    """INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)
       SELECT id, gen_random_uuid(), 'article', 'Article', '[{"name": "slug", "kind": "slug"}]'
       FROM cms.tenants""",
    """INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
       SELECT tenant_id, gen_random_uuid(), id, 'a', '{"slug": "a"}' FROM cms.content_types""",
    """INSERT INTO cms.published_entries
           (tenant_id, entry_id, content_type_id, slug, fields, version)
       SELECT tenant_id, id, content_type_id, slug, fields, version FROM cms.entries""",
)
_OLD_WRITE = """WITH t AS (
    UPDATE cms.content_types SET fields = fields || '[{"name": "word", "kind": "text"}]',
        version = version + 1, updated_at = now()
    WHERE tenant_id = (SELECT id FROM cms.tenants WHERE name = 'old') RETURNING *)
UPDATE cms.tenants SET generation = cms.next_generation(generation)
WHERE id = (SELECT tenant_id FROM t)"""


async def test_types_from_before_they_had_a_generation_are_read_and_watched(
    empty: Database, redis: Redis, tmp_path: Path
) -> None:
    release_before = all_migrations()[:11]
    await empty.migrate(release_before)
    await execute(empty.postgres, empty.name, *_OLD_CONTENT)
    await empty.migrate(all_migrations())
    found = await empty.fetch(
        "SELECT id, name, delivery_access, generation, access_generation"
        " FROM cms.tenant_states(ARRAY['old', 'other'])"
    )
    assert len(found) == 2, "the release before still asks like this"
    site = Site(empty.postgres, redis, empty.name)
    own_role = {
        "DATABASE_URL": empty.postgres.url(empty.name),
        "DATABASE_CREDENTIALS_DIR": str(tmp_path),
    }
    by_word = "/v1/delivery/old/article?filter[fields.word][exists]=false"
    async with site.pod(**own_role) as pod, pod.client() as reader:
        for tenant in ("old", "other"):
            page = expect(await reader.get(f"/v1/delivery/{tenant}/article"), 200)
            assert [item["slug"] for item in page["items"]] == ["a"]
        expect(await reader.get(by_word), 400)
        await execute(empty.postgres, empty.name, _OLD_WRITE)
        await eventually(
            lambda: reader.get(by_word),
            lambda answer: answer.status_code == 200,
            "the word is found",
        )


_SAVE = """WITH e AS (UPDATE cms.entries SET fields = fields || '{"word": "new"}' RETURNING *)
SELECT to_jsonb(id) FROM e"""
_PUBLISH = """WITH e AS (
    UPDATE cms.published_entries SET fields = fields || '{"word": "new"}' RETURNING *)
SELECT to_jsonb(entry_id) FROM e"""
_REPLACE_TYPE = """WITH t AS (
    UPDATE cms.content_types SET fields = fields || '[]', updated_at = now() RETURNING *)
SELECT to_jsonb(id) FROM t"""


async def test_wherever_a_migration_stops_the_release_before_writes_on(empty: Database) -> None:
    """What it writes goes into tables that the scripts have brought, by their triggers."""
    scripts = all_migrations()
    await empty.migrate(scripts[:_FIRST_WITH_COUNTERS])
    await execute(empty.postgres, empty.name, *_OLD_CONTENT)
    tenants = await empty.fetch("SELECT id FROM cms.tenants")
    service = await asyncpg.connect(empty.service_url)
    try:
        for number in range(_FIRST_WITH_COUNTERS, len(scripts)):
            stopped = (*scripts[:number], replace(scripts[number], sql=BROKEN))
            with pytest.raises(asyncpg.DivisionByZeroError):
                await empty.migrate(stopped)
            for statement in (_SAVE, _PUBLISH, _REPLACE_TYPE):
                for tenant in tenants:
                    written = "SELECT cms.tenant_query($1, $2, '{}')"
                    assert len(await service.fetch(written, tenant["id"], statement)) == 1
    finally:
        await service.close()


_NEW_NAME = (
    """UPDATE cms.published_entries SET fields = fields || '{"count": 3}'""",
    """UPDATE cms.content_types SET fields = fields || '[{"name": "count", "kind": "number"}]',
           updated_at = now()""",
)
_WITH_THREE = """SELECT FROM cms.published_terms
WHERE term = cms.term(content_type_id, 'count', '3')"""

_UNPUBLISH = """DELETE FROM cms.published_entries
WHERE tenant_id = (SELECT id FROM cms.tenants WHERE name = 'old')"""
_WAITS = """SELECT FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


async def test_numbers_that_a_release_left_out_of_filters_are_made_up_for(empty: Database) -> None:
    scripts = all_migrations()
    await empty.migrate(scripts[:_WITHOUT_NUMBERS])
    await execute(empty.postgres, empty.name, *_OLD_CONTENT, *_NEW_NAME)
    assert not await empty.fetch(_WITH_THREE)
    await empty.migrate(scripts)
    assert len(await empty.fetch(_WITH_THREE)) == 2, "of each of two tenants"


async def test_they_are_made_up_for_while_somebody_takes_an_entry_back(
    empty: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_PATIENCE_SECONDS", PATIENCE)
    scripts = all_migrations()
    await empty.migrate(scripts[:_WITHOUT_NUMBERS])
    await execute(empty.postgres, empty.name, *_OLD_CONTENT, *_NEW_NAME)
    writer = await asyncpg.connect(empty.postgres.superuser_url(empty.name))
    try:
        async with writer.transaction():
            await writer.execute(_UNPUBLISH)
            waiting = {"migration_lock_timeout_seconds": str(PATIENCE)}
            migration = asyncio.create_task(empty.migrate(scripts, **waiting))
            await eventually(lambda: empty.fetch(_WAITS), bool, "the migration has come to it")
        await migration
    finally:
        await writer.close()
    assert len(await empty.fetch(_WITH_THREE)) == 1, "of the other tenant"


async def test_what_postgresql_says_reaches_the_reader(old: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError) as error:
        await old.migrate(release(3, **{"c.sql": BROKEN}))
    assert explain(error.value, "db/cms") == (
        "PostgreSQL refused a statement on db/cms: division by zero."
    )
