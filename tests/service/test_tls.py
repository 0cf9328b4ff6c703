"""TLS to PostgreSQL and Redis: only the right server is spoken to, and its authority may change."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import pytest

from cms_service.core.settings.migrate import MigrateSettings
from cms_service.migrations import job
from localcluster.pki import Certificate
from tests.service.packages import require
from tests.service.servers import Postgres, running, wait_until
from tests.service.tls import ELSEWHERE, HOST, Issuer, SecureRedis, secure_postgres
from tests.service.waiting import eventually
from tests.service.world import OWNER_PASSWORD, OWNER_ROLE, Pod, Site, execute
from tests.support.ports import free_port

BAD = ["another authority", "another host name", "an expired certificate", "no TLS at all"]
ROLE = "reader"
PASSWORD = "over-tls-alone"
_AS_IF_MIGRATED = (
    "CREATE SCHEMA cms",
    "CREATE TABLE cms.schema_migrations ()",
    f"GRANT USAGE ON SCHEMA cms TO {ROLE}",
)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    require("openssl")
    return Issuer(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(issuer: Issuer) -> Iterator[Postgres]:
    """A server for the tests that restart it with other certificates."""
    server = Postgres().create()
    secure_postgres(server, issuer.issue())
    with running(server):
        role = f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'"
        asyncio.run(execute(server, "postgres", role, *_AS_IF_MIGRATED))
        yield server


def restart(server: Postgres, issuer: Issuer, how: str, folder: Path) -> None:
    server.kill()
    secure_postgres(server, None if how == "no TLS at all" else issued(issuer, how, folder))
    server.start()


def issued(issuer: Issuer, how: str, folder: Path) -> Certificate:
    match how:
        case "another authority":
            return Issuer(folder, "stranger").issue()
        case "another host name":
            return issuer.issue("elsewhere", ELSEWHERE)
        case "an expired certificate":
            return issuer.issue_expired()
    return issuer.issue()


def database_url(server: Postgres, ca: Path, mode: str = "verify-full") -> str:
    options = f"?sslmode={mode}&sslrootcert={ca}&connection_limit=2&pool_timeout=2"
    url = server.url("postgres", f"{ROLE}:{PASSWORD}", options)
    return url.replace("127.0.0.1", HOST)


async def health(pod: Pod) -> dict[str, str]:
    async with pod.client() as client:
        checks = (await client.get("/health")).json()["checks"]
    return {name: check["status"] for name, check in checks.items()}


@pytest.mark.parametrize("how", ["right", *BAD])
async def test_only_the_right_postgresql_is_spoken_to(
    site: Site, secure: Postgres, issuer: Issuer, how: str, tmp_path: Path
) -> None:
    restart(secure, issuer, how, tmp_path)
    async with site.pod(DATABASE_URL=database_url(secure, issuer.ca)) as pod:
        await is_seen(pod, "database", how)


async def test_the_connection_is_encrypted(
    site: Site, secure: Postgres, issuer: Issuer, tmp_path: Path
) -> None:
    restart(secure, issuer, "right", tmp_path)
    async with site.pod(DATABASE_URL=database_url(secure, issuer.ca)) as pod:
        (row,) = await pod.cms.database.fetch(
            "tls", "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )
    assert row["ssl"] is True
    assert row["version"] in {"TLSv1.2", "TLSv1.3"}


async def test_a_host_name_may_go_unchecked_where_that_is_asked_for(
    site: Site, secure: Postgres, issuer: Issuer, tmp_path: Path
) -> None:
    restart(secure, issuer, "another host name", tmp_path)
    async with site.pod(DATABASE_URL=database_url(secure, issuer.ca, "verify-ca")) as pod:
        await becomes(pod, "database", "ok")


async def test_a_new_authority_of_postgresql_is_taken_up_by_a_running_pod(
    site: Site, secure: Postgres, issuer: Issuer, tmp_path: Path
) -> None:
    restart(secure, issuer, "right", tmp_path)
    ca = tmp_path / "ca.crt"
    ca.write_bytes(issuer.ca.read_bytes())
    successor = Issuer(tmp_path, "successor")
    async with site.pod(DATABASE_URL=database_url(secure, ca)) as pod:
        await becomes(pod, "database", "ok")
        restart(secure, successor, "right", tmp_path)
        await becomes(pod, "database", "error")
        ca.write_bytes(successor.ca.read_bytes())
        await becomes(pod, "database", "ok")


async def is_seen(pod: Pod, what: str, how: str) -> None:
    if how == "right":
        await becomes(pod, what, "ok")
    else:
        assert (await health(pod))[what] == "error"


async def becomes(pod: Pod, what: str, status: str) -> None:
    await eventually(
        lambda: health(pod), lambda checks: checks[what] == status, f"{what} becomes {status}"
    )


@pytest.mark.parametrize("how", ["right", "another authority"])
async def test_a_migration_speaks_to_the_right_postgresql_only(
    secure: Postgres, issuer: Issuer, how: str, tmp_path: Path
) -> None:
    restart(secure, issuer, "right", tmp_path)
    name = f"cms_{how.partition(' ')[0]}"
    owner = f"CREATE ROLE {OWNER_ROLE}_{name} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'"
    create = f"CREATE DATABASE {name} OWNER {OWNER_ROLE}_{name}"
    await execute(secure, "postgres", owner, create)
    (tmp_path / "username").write_text(f"{name}_service")
    (tmp_path / "password").write_text(PASSWORD)
    ca = issuer.ca if how == "right" else Issuer(tmp_path, "stranger").ca
    options = f"?sslmode=verify-full&sslrootcert={ca}"
    settings = MigrateSettings.model_validate(
        {
            "database_url": secure.url(name, f"{OWNER_ROLE}_{name}:{OWNER_PASSWORD}", options),
            "service_role_dir": tmp_path,
            "termination_log": tmp_path / "termination-log",
        }
    )
    code = await asyncio.to_thread(job.run, settings)
    assert (code == 0) is (how == "right"), (tmp_path / "termination-log").read_text()


@asynccontextmanager
async def redis_pod(site: Site, port: int, ca: Path, **settings: str) -> AsyncIterator[Pod]:
    url = f"rediss://{HOST}:{port}/0"
    async with site.pod(REDIS_URL=url, REDIS_CA_FILE=str(ca), **settings) as pod:
        yield pod


@pytest.mark.parametrize("how", ["right", *BAD])
async def test_only_the_right_redis_is_spoken_to(
    site: Site, issuer: Issuer, how: str, tmp_path: Path
) -> None:
    with running(SecureRedis(issued(issuer, how, tmp_path), issuer.ca)) as server:
        port = server.port if how == "no TLS at all" else server.tls_port
        async with redis_pod(site, port, issuer.ca) as pod:
            await is_seen(pod, "redis", how)


async def test_an_authority_of_ones_own_is_not_trusted_without_its_file(
    site: Site, issuer: Issuer
) -> None:
    with running(SecureRedis(issuer.issue(), issuer.ca)) as server:
        async with site.pod(REDIS_URL=f"rediss://{HOST}:{server.tls_port}/0") as pod:
            assert (await health(pod))["redis"] == "error"


@pytest.fixture(params=["standalone", "sentinel", "cluster"])
def fleet(
    request: pytest.FixtureRequest, issuer: Issuer, tmp_path: Path
) -> Iterator[tuple[list[SecureRedis], dict[str, str]]]:
    """Servers that present their certificates anew, the one that a URL names first."""
    with ExitStack() as stack:

        def started(*options: str, **how: str) -> SecureRedis:
            server = SecureRedis(issuer.issue(), issuer.ca, *options)
            stack.callback(server.remove)
            server.start(*([how["settings"], "--sentinel"] if how else []))
            return server

        mode: str = request.param
        if mode == "standalone":
            yield [started()], {}
        elif mode == "cluster":
            bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
            node = started(*bus, "--tls-cluster", "yes")
            node.command("CLUSTER ADDSLOTSRANGE 0 16383")
            wait_until(lambda: "cluster_state:ok" in node.command("CLUSTER INFO"), "no cluster")
            yield [node], {"REDIS_MODE": mode}
        else:
            master = started("--tls-replication", "yes")
            file = tmp_path / "sentinel.conf"
            file.write_text(f"sentinel monitor main 127.0.0.1 {master.tls_port} 1\n")
            sentinel = started("--tls-replication", "yes", settings=str(file))
            yield [sentinel, master], {"REDIS_MODE": mode, "REDIS_SENTINEL_MASTER": "main"}
        gc.collect()  # clients of a cluster warn of connections that a server has ended


async def test_a_new_authority_of_redis_is_taken_up_by_a_running_pod(
    site: Site,
    issuer: Issuer,
    fleet: tuple[list[SecureRedis], dict[str, str]],
    tmp_path: Path,
) -> None:
    servers, settings = fleet
    ca = tmp_path / "ca.crt"
    ca.write_bytes(issuer.ca.read_bytes())
    successor = Issuer(tmp_path, "successor")
    async with redis_pod(site, servers[0].tls_port, ca, **settings) as pod:
        await becomes(pod, "redis", "ok")
        for server in servers:
            server.present(successor.issue())
        await becomes(pod, "redis", "error")
        ca.write_bytes(successor.ca.read_bytes())
        await becomes(pod, "redis", "ok")


async def test_sentinels_are_not_asked_in_the_clear(
    site: Site, issuer: Issuer, fleet: tuple[list[SecureRedis], dict[str, str]]
) -> None:
    (named, *_), settings = fleet
    async with redis_pod(site, named.port, issuer.ca, **settings) as pod:
        assert (await health(pod))["redis"] == "error"
