"""The servers and the migrated database live as long as the session; every test begins with the two
tenants as they were made, and nothing else.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.service import processes
from tests.service.packages import require
from tests.service.patience import AS_SHIPPED, PATIENT
from tests.service.servers import Postgres, Redis, running
from tests.service.world import (
    OWNER_PASSWORD,
    OWNER_ROLE,
    Desk,
    Pod,
    Site,
    execute,
    migrate,
)

_DATABASE = "cms"
_REMEMBER = (
    "CREATE SCHEMA remembered",
    "CREATE TABLE remembered.tenants AS TABLE cms.tenants",
    "CREATE TABLE remembered.users AS TABLE cms.users",
)
_RESET = (
    "TRUNCATE cms.tenants CASCADE",
    "INSERT INTO cms.tenants SELECT * FROM remembered.tenants",
    # or Redis would know it from the test before
    "UPDATE cms.tenants SET generation = DEFAULT, access_generation = DEFAULT",
    "INSERT INTO cms.users SELECT * FROM remembered.users",
)


@pytest.fixture(scope="session", autouse=True)
def _orderly_end() -> Iterator[None]:
    """A run that is told to stop takes its servers with it."""
    before = signal.signal(signal.SIGTERM, lambda *_: pytest.exit("told to stop", returncode=143))
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session", autouse=True)
def _patience() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "SERVE", ("tests.service.serve",))
        for each in PATIENT:
            patch.setattr(*each)
        yield


@pytest.fixture
def as_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped time-outs, for tests of what hangs and tells nothing."""
    for each in AS_SHIPPED:
        monkeypatch.setattr(*each)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Here and not in a fixture, so that all skipped tests make one line."""
    require("postgres", "redis-server", "pgbouncer")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running(Postgres().create()) as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    with running(Redis()) as server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[Redis]:
    """One that a test may stop."""
    with running(Redis()) as server:
        yield server


@pytest.fixture(scope="session")
def owner_role(postgres: Postgres) -> str:
    create = f"CREATE ROLE {OWNER_ROLE} LOGIN CREATEROLE PASSWORD '{OWNER_PASSWORD}'"
    asyncio.run(execute(postgres, "postgres", create))
    return OWNER_ROLE


@pytest.fixture(scope="session")
def database(postgres: Postgres, owner_role: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Made in the way that a deployment is: a migration Job with the owner's rights."""
    asyncio.run(execute(postgres, "postgres", f"CREATE DATABASE {_DATABASE} OWNER {owner_role}"))
    url = postgres.url(_DATABASE, f"{owner_role}:{OWNER_PASSWORD}")
    migrate(url, tmp_path_factory.mktemp("job"))
    asyncio.run(execute(postgres, _DATABASE, *_REMEMBER))
    return _DATABASE


@pytest.fixture
async def site(postgres: Postgres, redis: Redis, database: str) -> Site:
    await execute(postgres, database, *_RESET)
    redis.command("FLUSHALL")  # what other tests did counts against nobody here
    return Site(postgres, redis, database)


@pytest.fixture
async def pod(site: Site) -> AsyncIterator[Pod]:
    async with site.pod() as pod:
        yield pod


@pytest.fixture(scope="session")
def tokens() -> dict[str, str]:
    """Logging in is made slow on purpose; a token is good on every pod for a while."""
    return {}


async def _desk(pod: Pod, tokens: dict[str, str], tenant: str) -> Desk:
    if tenant not in tokens:
        tokens[tenant] = (await pod.log_in(tenant)).tokens["accessToken"]
    return Desk(pod.client(tokens[tenant]), tenant, {"accessToken": tokens[tenant]})


@pytest.fixture
async def acme(pod: Pod, tokens: dict[str, str]) -> Desk:
    """The first owner of the tenant acme at work."""
    return await _desk(pod, tokens, "acme")


@pytest.fixture
async def globex(pod: Pod, tokens: dict[str, str]) -> Desk:
    return await _desk(pod, tokens, "globex")


@pytest.fixture
def secrets_folder(tmp_path: Path) -> Path:
    """Stands for a mounted Secret."""
    folder = tmp_path / "secret"
    folder.mkdir()
    return folder
