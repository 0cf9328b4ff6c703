"""The migration Job: what it makes, what it leaves alone, and what it says when it cannot."""

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import asyncpg
import pytest

from cms_service.migrations.files import latest_version
from tests.service.processes import run_cms
from tests.service.servers import SUPERUSER, Postgres, Redis
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    PASSWORD,
    TENANTS,
    Site,
    execute,
    expect,
    owner_email,
    write_tenant_files,
)
from tests.support.ports import free_port

_numbers = count(1)


@dataclass
class Job:
    """Its environment, as the operator gives it, and a place for its files."""

    postgres: Postgres
    database: str
    folder: Path
    role: str
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, path: str, text: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        return file

    def run(self, **changes: str) -> CompletedProcess[str]:
        return run_cms("migrate", environment=self.environment | changes)

    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.folder / "termination-log").read_text())
        return report

    def succeed(self, **changes: str) -> dict[str, Any]:
        done = self.run(**changes)
        assert done.returncode == 0, done.stdout
        return self.report()

    def fail(self, **changes: str) -> str:
        """The sentence that it leaves."""
        done = self.run(**changes)
        assert done.returncode == 1, done.stdout
        sentence = self.report()["error"]
        for secret in (OWNER_PASSWORD, PASSWORD, "service-password"):
            assert secret not in done.stdout + done.stderr + sentence
        assert "Traceback" not in done.stdout + done.stderr
        return str(sentence)

    async def value(self, query: str) -> Any:
        connection = await asyncpg.connect(self.postgres.superuser_url(self.database))
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


@pytest.fixture
async def job(postgres: Postgres, owner_role: str, tmp_path: Path) -> AsyncIterator[Job]:
    """A migration of an empty database."""
    number = next(_numbers)
    name, role = f"migrations_{number}", f"service_{number}"
    await execute(postgres, "postgres", f"CREATE DATABASE {name} OWNER {owner_role}")
    job = Job(postgres, name, tmp_path, role)
    job.write("role/username", role)
    job.write("role/password", "service-password")
    owner = job.write("database-url", postgres.url("ignored", f"{OWNER_ROLE}:{OWNER_PASSWORD}"))
    job.environment = {
        "DATABASE_URL": postgres.url(name, options="?connection_limit=20"),
        "DATABASE_CREDENTIALS_URL_FILE": str(owner),
        "SERVICE_ROLE_DIR": str(tmp_path / "role"),
        "TENANTS": write_tenant_files(tmp_path),
        "TENANT_PASSWORDS_DIR": str(tmp_path),
        "TERMINATION_LOG": str(tmp_path / "termination-log"),
    }
    yield job
    await execute(postgres, "postgres", f"DROP DATABASE {name} WITH (FORCE)")
    await execute(postgres, "postgres", f"DROP ROLE IF EXISTS {role}")


async def test_the_first_run_makes_everything_that_the_pods_need(job: Job, redis: Redis) -> None:
    assert job.succeed() == {
        "from": 0,
        "to": latest_version(),
        "oldestReadable": 1,
        "schemaVersion": latest_version(),
        "toContract": 0,
        "maxConnections": 97,
        "error": None,
    }
    site = Site(job.postgres, redis, job.database)
    url = job.postgres.url(job.database)
    async with site.pod(DATABASE_URL=url, DATABASE_CREDENTIALS_DIR=str(job.folder / "role")) as pod:
        await pod.become_ready()
        for tenant in TENANTS:
            await pod.log_in(tenant)


async def test_a_second_run_changes_nothing(job: Job) -> None:
    job.succeed()
    before = await job.value("SELECT jsonb_agg(u ORDER BY u.id) FROM cms.users u")
    job.write("acme.password", "another password")
    report = job.succeed(TENANTS=json.dumps([{"name": "acme", "ownerEmail": "new@acme.example"}]))
    assert (report["from"], report["to"]) == (latest_version(), latest_version())
    assert await job.value("SELECT jsonb_agg(u ORDER BY u.id) FROM cms.users u") == before


async def test_jobs_that_run_at_once_do_not_disturb_each_other(job: Job) -> None:
    with ThreadPoolExecutor(3) as pool:
        runs = [future.result() for future in [pool.submit(job.run) for _ in range(3)]]
    assert [done.returncode for done in runs] == [0, 0, 0], [done.stdout for done in runs]
    assert await job.value("SELECT count(*) FROM cms.schema_migrations") == latest_version()
    assert await job.value("SELECT count(*) FROM cms.tenants") == len(TENANTS)


async def test_a_role_that_is_there_gets_its_new_password_and_no_more_rights(job: Job) -> None:
    job.succeed()
    job.write("role/password", "rotated-password")
    job.succeed()
    url = job.postgres.url(job.database, f"{job.role}:rotated-password")
    connection = await asyncpg.connect(url)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("ALTER TABLE cms.users DISABLE ROW LEVEL SECURITY")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("UPDATE cms.schema_migrations SET version = 0")
    await connection.close()


async def test_no_statement_that_a_server_might_log_holds_the_password(job: Job) -> None:
    """The server here logs every statement that fails, and this one does."""
    await execute(job.postgres, "postgres", f"ALTER ROLE {OWNER_ROLE} NOCREATEROLE")
    try:
        sentence = job.fail()
    finally:
        await execute(job.postgres, "postgres", f"ALTER ROLE {OWNER_ROLE} CREATEROLE")
    assert sentence.startswith(f"The migration role may not create the role {job.role}")
    log = (job.postgres.folder / "log").read_text()
    assert f"CREATE ROLE {job.role}" in log
    assert "service-password" not in log


async def test_a_role_made_by_hand_is_only_granted(job: Job) -> None:
    await execute(job.postgres, "postgres", f"CREATE ROLE {job.role} LOGIN PASSWORD 'by-hand'")
    url_file = job.write("service-url", f"postgresql://{job.role}:anything@elsewhere/db")
    job.succeed(SERVICE_ROLE_DIR="", SERVICE_ROLE_URL_FILE=str(url_file))
    connection = await asyncpg.connect(job.postgres.url(job.database, f"{job.role}:by-hand"))
    assert await connection.fetchval("SELECT count(*) FROM cms.entries") == 0
    await connection.close()


async def test_a_database_that_is_ahead_of_this_release_is_left_as_it_is(job: Job) -> None:
    job.succeed()
    await execute(
        job.postgres,
        job.database,
        "INSERT INTO cms.schema_migrations VALUES (99, '0099_later.sql', 'x', 1)",
        "UPDATE cms.schema_migrations SET oldest_readable = version WHERE version < 99",
    )
    report = job.succeed()
    assert (report["from"], report["to"], report["oldestReadable"]) == (99, 99, latest_version())


async def test_a_migration_that_was_changed_afterwards_is_noticed(job: Job) -> None:
    job.succeed()
    await execute(job.postgres, job.database, "UPDATE cms.schema_migrations SET checksum = 'x'")
    assert "was changed after it was applied" in job.fail()


async def test_a_lock_that_another_job_holds_is_waited_for_and_then_named(job: Job) -> None:
    holder = await asyncpg.connect(job.postgres.superuser_url(job.database))
    await holder.execute("SELECT pg_advisory_lock(x'68636D73'::int)")
    assert job.fail(MIGRATION_TIMEOUT_SECONDS="1").startswith("Another migration is running")
    await holder.close()
    assert job.succeed()["to"] == latest_version()


async def test_what_is_wrong_with_the_connection_is_said_in_one_sentence(job: Job) -> None:
    place = f"127.0.0.1:{job.postgres.port}"
    wrong = job.write("wrong-url", f"postgresql://{OWNER_ROLE}:not-the-password@x/y")
    port = free_port()
    causes = {
        f"The host of no-such-host.invalid:5432/{job.database} cannot be found.": {
            "DATABASE_URL": f"postgresql://no-such-host.invalid:5432/{job.database}"
        },
        f"Nothing answers at 127.0.0.1:{port}/{job.database}.": {
            "DATABASE_URL": f"postgresql://127.0.0.1:{port}/{job.database}"
        },
        f"PostgreSQL at {place}/{job.database} refused the user name or the password.": {
            "DATABASE_CREDENTIALS_URL_FILE": str(wrong)
        },
        f"The database of {place}/nowhere does not exist.": {
            "DATABASE_URL": job.postgres.url("nowhere")
        },
        "The credentials for the database are missing or cannot be read.": {
            "DATABASE_CREDENTIALS_URL_FILE": "/nowhere"
        },
    }
    for sentence, change in causes.items():
        assert job.fail(**change) == sentence


async def test_what_is_wrong_with_roles_is_said_in_one_sentence(job: Job) -> None:
    job.write("role/username", OWNER_ROLE)
    assert job.fail().startswith(f"The role {OWNER_ROLE} of the service owns the tables")
    nobody = job.write("nobody", "postgresql://nobody_at_all:x@host/db")
    assert job.fail(SERVICE_ROLE_DIR="", SERVICE_ROLE_URL_FILE=str(nobody)) == (
        "The role nobody_at_all of the service does not exist."
    )
    job.write("role/username", job.role)
    await execute(
        job.postgres,
        job.database,
        "DROP SCHEMA IF EXISTS cms CASCADE",
        f"ALTER DATABASE {job.database} OWNER TO {SUPERUSER}",
    )
    assert "it needs CREATE on the database" in job.fail()


@pytest.mark.parametrize(
    ("tenants", "sentence"),
    [
        ("{", "TENANTS is wrong at the start"),
        ('[{"name":"Not a name"}]', "TENANTS is wrong at 0.name"),
        ('[{"name":"a","plan":"gold"}]', "TENANTS is wrong at 0.plan"),
        ('[{"name":"initech","ownerEmail":"x@y.example"}]', "The file initech.password of"),
        ('[{"name":"acme"}]', "The file acme.email of"),
        (
            '[{"name":"acme","ownerEmail":"no address"}]',
            "The first owner of acme has a wrong email",
        ),
    ],
)
async def test_tenants_that_cannot_be_made_are_named(job: Job, tenants: str, sentence: str) -> None:
    assert job.fail(TENANTS=tenants).startswith(sentence)


async def test_rows_that_change_with_another_one_are_found_by_an_index(site: Site) -> None:
    """Or nobody could be deleted from a tenant with a long history."""
    unfound = """
        SELECT c.conname FROM pg_constraint c
        WHERE c.connamespace = 'cms'::regnamespace AND c.contype = 'f'
          AND c.confdeltype IN ('c', 'n')
          AND NOT EXISTS (
            SELECT FROM pg_index i
            WHERE i.indrelid = c.conrelid AND i.indisvalid
              AND c.conkey <@ (i.indkey::int2[])[0:cardinality(c.conkey) - 1])"""
    assert await site.fetch(unfound) == []


async def test_a_tenant_made_by_hand_has_an_owner(site: Site, tmp_path: Path) -> None:
    """`cms tenants create`, with the owner's rights."""
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    owner = site.postgres.url(site.database, f"{OWNER_ROLE}:{OWNER_PASSWORD}")
    arguments = ["tenants", "create", "initech", "--owner-email", owner_email("initech")]
    arguments += ["--password-file", str(password)]
    made = run_cms(*arguments, environment={"DATABASE_URL": owner})
    assert made.returncode == 0, made.stderr
    again = run_cms(*arguments, environment={"DATABASE_URL": owner})
    assert (again.returncode, again.stderr) == (1, "There is a tenant initech already.\n")
    async with site.pod() as pod:
        initech = await pod.log_in("initech")
        assert expect(await initech.client.get(initech.root), 200)["displayName"] == "initech"
