"""Another user comes into the Secret of pods that serve: it is worked with once it has proven that
it can do the work, and could not break the border between tenants.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from cms_service.core.errors import Unavailable
from tests.service.processes import ServeProcess
from tests.service.servers import Postgres, running, wait_until
from tests.service.test_rotation import backends, end_connections
from tests.service.test_start import MAY_BYPASS, OWNS
from tests.service.waiting import COSTLY, eventually
from tests.service.world import (
    OWNER_ROLE,
    PASSWORD,
    SERVICE_PASSWORD,
    SERVICE_ROLE,
    Site,
    execute,
    owner_email,
)

NEWCOMER, SECRET = "newcomer", "of-the-newcomer"
_POWERFUL = "SELECT FROM pg_roles WHERE rolbypassrls"
_USER = "SELECT current_user"


@pytest.fixture
async def newcomer(site: Site) -> AsyncIterator[str]:
    """A login role with no rights yet."""
    create = f"CREATE ROLE {NEWCOMER} LOGIN PASSWORD '{SECRET}'"
    await execute(site.postgres, site.database, create)
    yield NEWCOMER
    await end_connections(site, NEWCOMER)
    await execute(site.postgres, site.database, f"DROP ROLE {NEWCOMER}")


@contextmanager
def serving(site: Site, url_file: Path, log: Path, **more: str) -> Iterator[ServeProcess]:
    url_file.write_text(site.postgres.url(site.database, f"{SERVICE_ROLE}:{SERVICE_PASSWORD}"))
    environment = site.environment(
        DATABASE_URL=site.postgres.url(site.database),
        DATABASE_CREDENTIALS_URL_FILE=str(url_file),
        **more,
    )
    with ServeProcess(environment, log) as pod:
        yield pod.wait_until_ready()


def log_in(pod: ServeProcess) -> int:
    login = {"email": owner_email("acme"), "password": PASSWORD}
    return httpx.post(f"{pod.url}/v1/tenants/acme/auth/login", json=login, timeout=30).status_code


def refused(pod: ServeProcess, database: str = "primary") -> bool:
    series = f'hcms_database_credentials_refused{{database="{database}"}} 1.0'
    return series in pod.admin("/metrics").text


def offer(site: Site, url_file: Path, user: str = NEWCOMER, password: str = SECRET) -> None:
    url_file.write_text(site.postgres.url(site.database, f"{user}:{password}"))


@dataclass(frozen=True)
class Unfit:
    """A user that may not serve: what is done to it, the password that the Secret has, and what
    the pod says of it.
    """

    statement: str
    reason: str
    password: str = SECRET


@pytest.mark.parametrize(
    "unfit",
    [
        Unfit(f"ALTER ROLE {NEWCOMER} SUPERUSER", MAY_BYPASS),
        Unfit(f"ALTER ROLE {NEWCOMER} BYPASSRLS", MAY_BYPASS),
        Unfit(f"GRANT {OWNER_ROLE} TO {NEWCOMER}", OWNS),
        Unfit(f"ALTER ROLE {NEWCOMER} NOSUPERUSER", "the role may not use it"),
        Unfit(f"GRANT {SERVICE_ROLE} TO {NEWCOMER}", "InvalidPasswordError", "not-its-own"),
    ],
)
@pytest.mark.usefixtures("newcomer")
async def test_a_user_that_may_not_serve_is_not_taken_by_pods_that_do(
    site: Site, secrets_folder: Path, tmp_path: Path, unfit: Unfit
) -> None:
    await execute(site.postgres, site.database, unfit.statement)
    url_file = secrets_folder / "url"
    with serving(site, url_file, tmp_path / "log") as pod:
        before = await backends(site, SERVICE_ROLE)
        offer(site, url_file, password=unfit.password)
        wait_until(lambda: refused(pod), "it was not refused")
        assert log_in(pod) == 200
        assert before & await backends(site, SERVICE_ROLE), "its connections were dropped"

        # Nor where it has to connect anew.
        await end_connections(site, SERVICE_ROLE)
        wait_until(lambda: log_in(pod) == 200, "it lost its database")
        assert await backends(site, SERVICE_ROLE)
        log = pod.log.read_text()
        assert log.count("credentials are not taken") == 1
        assert unfit.reason in log
        assert unfit.password not in log

        offer(site, url_file, SERVICE_ROLE, SERVICE_PASSWORD)
        wait_until(lambda: not refused(pod), "what was put back is still refused")


async def test_a_new_user_is_taken_without_a_failed_request_once_it_has_its_rights(
    site: Site, newcomer: str, secrets_folder: Path, tmp_path: Path
) -> None:
    url_file = secrets_folder / "url"
    with serving(site, url_file, tmp_path / "log") as pod:
        offer(site, url_file)
        wait_until(lambda: refused(pod), "it was not refused")
        assert log_in(pod) == 200
        # Stands for the migration Job.
        await execute(site.postgres, site.database, f"GRANT {SERVICE_ROLE} TO {newcomer}")

        async def old_connections() -> object:
            assert log_in(pod) == 200
            return await backends(site, SERVICE_ROLE)

        await eventually(
            old_connections, lambda left: not left, "the old connections end", 60, pause=COSTLY
        )
        assert log_in(pod) == 200
        assert await backends(site, newcomer)
        assert not refused(pod)


async def test_a_pod_whose_user_is_dropped_takes_the_new_one_at_the_next_request(
    site: Site, newcomer: str, secrets_folder: Path
) -> None:
    url_file = secrets_folder / "url"
    offer(site, url_file)
    await execute(site.postgres, site.database, f"GRANT {SERVICE_ROLE} TO {newcomer}")
    place = {"DATABASE_CREDENTIALS_URL_FILE": str(url_file)}
    async with site.pod(DATABASE_URL=site.postgres.url(site.database), **place) as pod:
        await pod.log_in("acme")
        offer(site, url_file, SERVICE_ROLE, SERVICE_PASSWORD)
        await execute(site.postgres, site.database, f"ALTER ROLE {newcomer} NOLOGIN")
        await end_connections(site, newcomer)
        await pod.become_ready()
        await pod.log_in("acme")
        assert await backends(site, SERVICE_ROLE)


@pytest.fixture(scope="module")
def standby(postgres: Postgres, database: str) -> Iterator[Postgres]:
    assert database  # must be there to be copied
    with running(Postgres().create_standby(postgres)) as server:
        yield server


async def test_a_powerful_user_of_the_replica_is_refused_at_the_start_and_later(
    site: Site,
    standby: Postgres,
    newcomer: str,
    secrets_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await execute(site.postgres, site.database, f"ALTER ROLE {newcomer} BYPASSRLS")
    replica = Site(standby, site.redis, site.database)
    powerful = f"{_POWERFUL} AND rolname = '{newcomer}'"
    await eventually(lambda: replica.fetch(powerful), bool, "the replica has the user")
    url_file = secrets_folder / "replica-url"
    offer(replica, url_file)
    place = {
        "DATABASE_READ_REPLICA_URL": standby.url(site.database),
        "DATABASE_READ_REPLICA_CREDENTIALS_URL_FILE": str(url_file),
    }
    async with site.pod(**place) as pod:
        database = pod.cms.replica
        assert database is not None
        with pytest.raises(Unavailable):
            await database.fetch("test", _USER)
        assert database.objection == MAY_BYPASS

        offer(replica, url_file, SERVICE_ROLE, SERVICE_PASSWORD)
        assert [tuple(row) for row in await database.fetch("test", _USER)] == [(SERVICE_ROLE,)]
        caplog.clear()
        offer(replica, url_file)
        await database.renew_credentials()
        await end_connections(replica, SERVICE_ROLE)
        with contextlib.suppress(Unavailable):  # of the connection that was ended
            await database.fetch("test", _USER)
        assert [tuple(row) for row in await database.fetch("test", _USER)] == [(SERVICE_ROLE,)]
        assert f"database credentials are not taken: {MAY_BYPASS}" in caplog.messages
