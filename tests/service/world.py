"""What the scenarios stand on: a migrated database with two tenants, and the service on it."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from cms_service import app
from cms_service.app import Cms
from cms_service.core.redis.store import RedisAwayError
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.core.settings.serve import ServeSettings
from cms_service.migrations import job
from cms_service.startup import check_until_ready
from tests.service.patience import PATIENCE
from tests.service.servers import Postgres, Redis

OWNER_ROLE, OWNER_PASSWORD = "cms_owner", "owner-of-the-tables"
SERVICE_ROLE, SERVICE_PASSWORD = "cms_service", "may-use-rows-only"
TENANTS = ("acme", "globex")
PASSWORD = "correct horse battery"
JWT_KEY = "a-key-of-the-tests-with-64-bytes-or-more-so-that-every-hash-takes-it"

ARTICLE = {
    "name": "article",
    "displayName": "Article",
    "fields": [
        {"name": "title", "kind": "text", "required": True, "maxLength": 200},
        {"name": "slug", "kind": "slug", "required": True},
        {"name": "views", "kind": "number", "integer": True, "minimum": 0},
    ],
}


def owner_email(tenant: str) -> str:
    return f"owner@{tenant}.example"


async def execute(postgres: Postgres, database: str, *statements: str) -> None:
    connection = await asyncpg.connect(postgres.superuser_url(database))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def migrate(database_url: str, folder: Path) -> None:
    """Do what a deployment's Job does, with the owner's rights. `folder` is an empty one."""
    (folder / "role").mkdir()
    (folder / "role" / "username").write_text(SERVICE_ROLE)
    (folder / "role" / "password").write_text(SERVICE_PASSWORD)
    settings = MigrateSettings.model_validate(
        {
            "database_url": database_url,
            "service_role_dir": folder / "role",
            "tenants": write_tenant_files(folder),
            "tenant_passwords_dir": folder,
            "termination_log": folder / "termination-log",
        }
    )
    assert job.run(settings) == 0, (folder / "termination-log").read_text()


@dataclass
class Site:
    """One database and one Redis: what all pods of a deployment share."""

    postgres: Postgres
    redis: Redis
    database: str

    def environment(self, **changes: str) -> dict[str, str]:
        user_info = f"{SERVICE_ROLE}:{SERVICE_PASSWORD}"
        return {
            "DATABASE_URL": self.postgres.url(
                self.database, user_info, "?connection_limit=5&pool_timeout=2"
            ),
            "REDIS_URL": self.redis.url,
            "JWT_SECRET": JWT_KEY,
            "HOST": "127.0.0.1",
            # A run on a slow machine takes longer than the default, and goes on with the tokens
            # of its beginning.
            "ACCESS_TOKEN_SECONDS": "86400",
        } | changes

    async def fetch(self, query: str) -> list[Any]:
        """Ask as the superuser."""
        connection = await asyncpg.connect(self.postgres.superuser_url(self.database))
        try:
            rows: list[Any] = await connection.fetch(query)
            return rows
        finally:
            await connection.close()

    def settings(self, **changes: str) -> ServeSettings:
        environment = self.environment(**changes)
        return ServeSettings.model_validate(
            {name.lower(): value for name, value in environment.items()}
        )

    @asynccontextmanager
    async def pod(self, **changes: str) -> AsyncIterator["Pod"]:
        """The service in this process: all of it but the sockets."""
        cms = app.build(self.settings(**changes))
        await cms.open()
        try:
            yield Pod(cms)
        finally:
            await cms.close(5)


class Pod:
    def __init__(self, cms: Cms) -> None:
        self.cms = cms

    async def become_ready(self) -> None:
        await check_until_ready(self.cms.database, self.cms.lifecycle)

    def client(self, token: str = "", address: str = "127.0.0.1") -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(self.cms.public, client=(address, 50_000))
        return httpx.AsyncClient(transport=transport, base_url="http://cms", headers=headers)

    def admin(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.cms.admin), base_url="http://admin"
        )

    async def find_redis_again(self) -> None:
        """After a restart: connections from before fail once each."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await self.cms.redis.ping()
                except RedisAwayError:
                    await asyncio.sleep(0.01)

    async def log_in(self, tenant: str, email: str = "", password: str = PASSWORD) -> "Desk":
        async with self.client() as client:
            answer = await client.post(
                f"/v1/tenants/{tenant}/auth/login",
                json={"email": email or owner_email(tenant), "password": password},
            )
        assert answer.status_code == 200, answer.text
        return Desk(self.client(answer.json()["accessToken"]), tenant, answer.json())


@dataclass
class Desk:
    """A user at work in one tenant."""

    client: httpx.AsyncClient
    tenant: str
    tokens: Mapping[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"/v1/tenants/{self.tenant}"

    @property
    def entries(self) -> str:
        return f"{self.root}/content-types/article/entries"

    @property
    def delivery(self) -> str:
        return f"/v1/delivery/{self.tenant}/article"

    async def make_type(self) -> None:
        expect(await self.client.post(f"{self.root}/content-types", json=ARTICLE), 201)

    async def draft(self, **fields: object) -> Any:
        answer = await self.client.post(self.entries, json={"fields": fields})
        return expect(answer, 201)

    async def publish(self, entry_id: str) -> Any:
        return expect(await self.client.post(f"{self.entries}/{entry_id}/publish"), 200)

    async def publish_new(self, **fields: object) -> Any:
        return await self.publish((await self.draft(**fields))["id"])

    async def open_to_the_public(self) -> None:
        expect(await self.client.patch(self.root, json={"deliveryAccess": "public"}), 200)

    async def hire(self, role: str) -> str:
        """The new user's address; the password is the usual one."""
        email = f"{role}@{self.tenant}.example"
        user = {"email": email, "password": PASSWORD, "role": role}
        expect(await self.client.post(f"{self.root}/users", json=user), 201)
        return email


def expect(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, f"{answer.request.method} {answer.url}: {answer.text}"
    return answer.json() if answer.content else None


def expect_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    problem: dict[str, Any] = expect(answer, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["requestId"] == answer.headers["x-request-id"]
    return problem


def write_tenant_files(folder: Path) -> str:
    """The first owners' passwords; returns the value of TENANTS."""
    for name in TENANTS:
        (folder / f"{name}.password").write_text(PASSWORD)
    return json.dumps(
        [
            {"name": name, "displayName": name.title(), "ownerEmail": owner_email(name)}
            for name in TENANTS
        ]
    )
