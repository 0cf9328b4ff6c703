# ruff: noqa: S608 - roles are named by the tests themselves
# ruff: noqa: ASYNC210, ASYNC240 - other processes are polled; nothing else waits for this loop
"""Passwords and keys change under running pods: no restart, nobody logged out."""

import base64
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx
import jwt
import pytest

from tests.service.processes import ServeProcess
from tests.service.servers import Redis, running, wait_until
from tests.service.waiting import COSTLY, eventually, served
from tests.service.world import (
    PASSWORD,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Desk,
    Site,
    execute,
    expect,
    owner_email,
)


@pytest.fixture
async def own_role(site: Site) -> AsyncIterator[str]:
    """A service role whose password a test may change."""
    role = "rotating"
    await execute(
        site.postgres,
        site.database,
        f"CREATE ROLE {role} LOGIN PASSWORD 'first' IN ROLE {SERVICE_ROLE}",
    )
    yield role
    await execute(site.postgres, site.database, f"DROP ROLE {role}")


async def change_password(site: Site, role: str, password: str) -> None:
    """Open connections are ended too, as after a revocation."""
    await execute(site.postgres, site.database, f"ALTER ROLE {role} PASSWORD '{password}'")
    await end_connections(site, role)


async def end_connections(site: Site, role: str) -> None:
    await execute(
        site.postgres,
        site.database,
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'",
    )


async def backends(site: Site, role: str) -> set[int]:
    rows = await site.fetch(f"SELECT pid FROM pg_stat_activity WHERE usename = '{role}'")
    return {row["pid"] for row in rows}


async def answered(desk: Desk) -> None:
    """A connection that was just ended may be handed out once more."""
    await served(lambda: desk.client.get(desk.root))


@pytest.mark.parametrize("kind", ["directory", "url file"])
async def test_a_changed_database_password_reaches_a_running_pod(
    site: Site, own_role: str, secrets_folder: Path, kind: str
) -> None:
    def write(password: str) -> None:
        (secrets_folder / "username").write_text(own_role)
        (secrets_folder / "password").write_text(password)
        (secrets_folder / "url").write_text(f"postgresql://{own_role}:{password}@old-host/db")

    write("first")
    place = (
        {"DATABASE_CREDENTIALS_DIR": str(secrets_folder)}
        if kind == "directory"
        else {"DATABASE_CREDENTIALS_URL_FILE": str(secrets_folder / "url")}
    )
    async with site.pod(DATABASE_URL=site.postgres.url(site.database), **place) as pod:
        acme = await pod.log_in("acme")
        write("second")
        await change_password(site, own_role, "second")
        await answered(acme)

        # A file that is being replaced right now: the last good value is used.
        for file in secrets_folder.iterdir():
            file.unlink()
        await end_connections(site, own_role)
        await answered(acme)


async def test_a_secret_that_moves_to_another_server_breaks_nothing_that_runs(
    site: Site, own_role: str, secrets_folder: Path, tmp_path: Path
) -> None:
    """Its password is for the next revision's pods: these are configured for the old server."""
    url_file = secrets_folder / "url"
    url_file.write_text(site.postgres.url(site.database, f"{own_role}:first"))
    environment = site.environment(
        DATABASE_URL=site.postgres.url(site.database),
        DATABASE_CREDENTIALS_URL_FILE=str(url_file),
    )
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        url_file.write_text(f"postgresql://{own_role}:moved-away@new-host:5432/{site.database}")
        wait_until(lambda: "another server" in pod.log.read_text(), "the move was not noticed")
        await end_connections(site, own_role)
        wait_until(lambda: ask_to_log_in(pod).status_code == 200, "it lost its database")

        # The release has failed, and the Secret is as it was but for a rotation.
        url_file.write_text(site.postgres.url(site.database, f"{own_role}:put-back"))
        await change_password(site, own_role, "put-back")
        wait_until(lambda: ask_to_log_in(pod).status_code == 200, "the rotation did not reach it")
        log = pod.log.read_text()
        assert log.count("another server") == 1
        assert "moved-away" not in log
        assert "put-back" not in log


async def test_a_pod_that_starts_amid_a_move_serves_once_the_secret_is_put_back(
    site: Site, own_role: str, secrets_folder: Path
) -> None:
    url_file = secrets_folder / "url"
    url_file.write_text(f"postgresql://{own_role}:second@new-host:5432/{site.database}")
    place = {"DATABASE_CREDENTIALS_URL_FILE": str(url_file)}
    async with site.pod(DATABASE_URL=site.postgres.url(site.database), **place) as pod:
        async with pod.client() as client:
            assert (await client.get("/v1/delivery/acme/article")).status_code == 503
        url_file.write_text(site.postgres.url(site.database, f"{own_role}:first"))
        await pod.log_in("acme")


async def test_only_other_credentials_end_connections(
    site: Site, own_role: str, secrets_folder: Path
) -> None:
    url_file = secrets_folder / "url"
    url = site.postgres.url(site.database, f"{own_role}:first")
    url_file.write_text(url)
    place = {"DATABASE_CREDENTIALS_URL_FILE": str(url_file)}
    async with site.pod(DATABASE_URL=site.postgres.url(site.database), **place) as pod:
        acme = await pod.log_in("acme")
        before = await backends(site, own_role)
        url_file.write_text(f"{url}?connection_limit=7")
        await pod.cms.database.renew_credentials()
        expect(await acme.client.get(acme.root), 200)
        assert await backends(site, own_role) >= before

        url_file.write_text(site.postgres.url(site.database, f"{SERVICE_ROLE}:{SERVICE_PASSWORD}"))
        await pod.cms.database.renew_credentials()
        expect(await acme.client.get(acme.root), 200)
        await eventually(
            lambda: backends(site, own_role), lambda left: not left, "the old connections end"
        )


async def test_a_pod_leaves_the_connections_of_a_former_user_by_itself(
    site: Site, own_role: str, secrets_folder: Path, tmp_path: Path
) -> None:
    (secrets_folder / "username").write_text(SERVICE_ROLE)
    (secrets_folder / "password").write_text(SERVICE_PASSWORD)
    environment = site.environment(
        DATABASE_URL=site.postgres.url(site.database),
        DATABASE_CREDENTIALS_DIR=str(secrets_folder),
    )
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        assert await users_connected(site) == {SERVICE_ROLE}
        (secrets_folder / "username").write_text(own_role)
        (secrets_folder / "password").write_text("first")

        async def users() -> set[str]:
            httpx.get(f"{pod.url}/health")
            return await users_connected(site)

        await eventually(
            users, lambda found: found == {own_role}, "the new user alone connects", pause=COSTLY
        )


async def users_connected(site: Site) -> set[str]:
    connection = await asyncpg.connect(site.postgres.superuser_url(site.database))
    try:
        rows = await connection.fetch(
            """SELECT DISTINCT usename FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()
                 AND backend_type = 'client backend'"""
        )
        return {row["usename"] for row in rows}
    finally:
        await connection.close()


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    with running(Redis("--requirepass", "first")) as server:
        yield server


async def test_a_changed_redis_password_reaches_a_running_pod(
    site: Site, own_redis: Redis, secrets_folder: Path
) -> None:
    url_file = secrets_folder / "redis-url"
    url_file.write_text("redis://:first@old-host:6379/0")
    async with site.pod(REDIS_URL=own_redis.url, REDIS_CREDENTIALS_URL_FILE=str(url_file)) as pod:
        await pod.log_in("acme")
        url_file.write_text("redis://:second@old-host:6379/0")
        own_redis.command("CONFIG SET requirepass second", password="first")
        own_redis.command("CLIENT KILL TYPE normal", password="second")
        async with pod.client() as client:
            await eventually(
                lambda: client.get("/health"),
                lambda health: health.json()["checks"]["redis"]["status"] == "ok",
                "Redis is ok",
            )
        await pod.log_in("acme")


async def test_a_secret_that_moves_to_another_redis_breaks_nothing_that_runs(
    site: Site, own_redis: Redis, secrets_folder: Path
) -> None:
    url_file = secrets_folder / "redis-url"
    url_file.write_text(own_redis.url.replace("://", "://:first@"))
    async with site.pod(REDIS_URL=own_redis.url, REDIS_CREDENTIALS_URL_FILE=str(url_file)) as pod:
        await pod.cms.redis.ping()
        url_file.write_text("redis://:second@new-host:6379/0")
        own_redis.command("CLIENT KILL TYPE normal", password="first")
        await pod.find_redis_again()


def write_keys(path: Path, generation: int, sign: str, *kids: str) -> None:
    keys = {kid: base64.b64encode(kid.encode() * 32).decode() for kid in kids}
    path.write_text(json.dumps({"generation": generation, "sign": sign, "keys": keys}))


async def test_jwt_keys_rotate_step_by_step_and_nobody_is_logged_out(
    site: Site, secrets_folder: Path, tmp_path: Path
) -> None:
    file = secrets_folder / "keys.json"
    write_keys(file, 1, "k1", "k1")
    environment = site.environment(JWT_SECRET="", JWT_KEYS_FILE=str(file))
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        old = log_in(pod)
        assert jwt.get_unverified_header(old)["kid"] == "k1"

        write_keys(file, 2, "k1", "k1", "k2")  # every pod verifies the new key
        wait_until(lambda: generation(pod) == 2, "keys not read")
        write_keys(file, 3, "k2", "k1", "k2")  # and signs with it
        wait_until(lambda: generation(pod) == 3, "keys not read")
        new = log_in(pod)
        assert jwt.get_unverified_header(new)["kid"] == "k2"
        assert [status(pod, token) for token in (old, new)] == [200, 200]

        file.write_text("half-writ")
        wait_until(
            lambda: "the last ones stay" in pod.log.read_text(), "the broken file was not noticed"
        )
        assert [status(pod, token) for token in (old, new)] == [200, 200]

        write_keys(file, 4, "k2", "k2")  # the old one is retired
        wait_until(lambda: generation(pod) == 4, "keys not read")
        assert [status(pod, token) for token in (old, new)] == [401, 200]
        assert "hcms_jwt_keys_generation 4.0" in pod.admin("/metrics").text


def log_in(pod: ServeProcess) -> str:
    token: str = expect(ask_to_log_in(pod), 200)["accessToken"]
    return token


def ask_to_log_in(pod: ServeProcess) -> httpx.Response:
    login = {"email": owner_email("acme"), "password": PASSWORD}
    return httpx.post(f"{pod.url}/v1/tenants/acme/auth/login", json=login)


def generation(pod: ServeProcess) -> int:
    found: int = pod.admin("/statusz").json()["jwtKeysGeneration"]
    return found


def status(pod: ServeProcess, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{pod.url}/v1/tenants/acme", headers=headers).status_code
