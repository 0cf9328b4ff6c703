"""Our CMS on a database of its own that holds the articles."""

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from benchmarks import articles, database
from benchmarks.database import CONNECTIONS
from cms_service.auth.keys import KeyStore, ring_of_secret
from cms_service.auth.permissions import Role
from cms_service.auth.tokens import AccessTokens, Identity
from cms_service.core.settings.migrate import MigrateSettings
from cms_service.migrations import job
from tests.service.servers import Postgres, Redis

TENANT = "acme"
ROLE, PASSWORD, EMAIL = "cms_service", secrets.token_hex(16), f"owner@{TENANT}.example"
DELIVERY = f"/v1/delivery/{TENANT}"
TYPES = {
    "author": [{"name": "name", "kind": "text"}, {"name": "bio", "kind": "text"}],
    "tag": [{"name": "title", "kind": "text"}],
    "article": [
        {"name": "title", "kind": "text"},
        {"name": "slug", "kind": "slug"},
        {"name": "body", "kind": "text"},
        {"name": "price", "kind": "number"},
        {"name": "author", "kind": "reference", "types": ["author"]},
        {"name": "tags", "kind": "references", "types": ["tag"]},
    ],
}
# An identifier ends with the number of its row, in twelve digits.
ID_STARTS = {
    "author": "0190a000-0000-7000-8000-",
    "tag": "0190b000-0000-7000-8000-",
    "article": "0190c000-0000-7000-8000-",
}


def _id(type_name: str, number: str) -> str:
    return f"('{ID_STARTS[type_name]}' || lpad(({number})::text, 12, '0'))"


_FILL = """
WITH made AS (SELECT n, {id}::uuid AS id, jsonb_build_object({fields}) AS fields FROM {numbers}),
entries AS (
    INSERT INTO cms.entries (tenant_id, id, content_type_id, slug, fields)
    SELECT $1, id, $2, fields->>'slug', fields FROM made)
INSERT INTO cms.published_entries
    (tenant_id, entry_id, content_type_id, slug, fields, version, published_at)
SELECT $1, id, $2, fields->>'slug', fields, 1, {published_at} FROM made
"""
_COUNTS = {"author": articles.AUTHORS, "tag": articles.TAGS, "article": articles.ARTICLES}
_TAGS = ", ".join(_id("tag", f"(n + {step}) % {articles.TAGS}") for step in articles.TAG_STEPS)
_FIELDS = {
    "author": f"'name', {articles.AUTHOR_NAME}, 'bio', {articles.AUTHOR_BIO}",
    "tag": f"'title', {articles.TAG_TITLE}",
    "article": f"""'title', {articles.TITLE}, 'slug', {articles.SLUG}, 'body', {articles.BODY},
        'price', {articles.PRICE}, 'author', {_id("author", articles.AUTHOR_OF)},
        'tags', jsonb_build_array({_TAGS})""",
}
# What a publication does to caches.
_OUTDATE = "UPDATE cms.tenants SET generation = cms.next_generation(generation)"
_OUTDATE_SECONDS = 1.0
_TOKEN_SECONDS = 86_400


class Ours:
    def __init__(
        self, postgres: Postgres, redis: Redis, folder: Path, database: str = "cms"
    ) -> None:
        self._postgres = postgres
        self._redis = redis
        self._folder = folder
        self.database = database
        self._jwt_secret = secrets.token_hex(32)
        self.database_url = postgres.superuser_url(database)

    def environment(self, *, limited: bool = False) -> dict[str, str]:
        """Nothing logs a request, nor limits it, or else limits it as by default."""
        limit = f"?connection_limit={CONNECTIONS}&pool_timeout=10"
        limits = ("DELIVERY_CLIENT", "DELIVERY_TENANT", "MANAGEMENT_CLIENT", "MANAGEMENT_TENANT")
        return {
            "DATABASE_URL": self._postgres.url(self.database, f"{ROLE}:{PASSWORD}", limit),
            "REDIS_URL": self._redis.url,
            "JWT_SECRET": self._jwt_secret,
            "ACCESS_TOKEN_SECONDS": str(_TOKEN_SECONDS),
            "HOST": "127.0.0.1",
            "LOG_LEVEL": "warning",
            "MALLOC_ARENA_MAX": "1",  # as the image has it
            **({} if limited else {f"RATE_LIMIT_{limit}": "0" for limit in limits}),
        }

    def prepare(self) -> None:
        """The database, and the tenant with its first owner."""
        role = self._folder / "role"
        role.mkdir()
        (role / "username").write_text(ROLE)
        (role / "password").write_text(PASSWORD)
        (self._folder / f"{TENANT}.password").write_text(PASSWORD)
        database.create(self._postgres, self.database)
        settings = MigrateSettings.model_validate(
            {
                "database_url": self.database_url,
                "service_role_dir": role,
                "tenants": json.dumps([{"name": TENANT, "ownerEmail": EMAIL}]),
                "tenant_passwords_dir": self._folder,
                "termination_log": self._folder / "termination-log",
            }
        )
        if job.run(settings):
            raise RuntimeError((self._folder / "termination-log").read_text())

    def fill(self) -> dict[str, UUID]:
        """The articles. The ids of the types, and the tenant's as `tenant`."""
        return asyncio.run(self._fill())

    async def _fill(self) -> dict[str, UUID]:
        connection = await asyncpg.connect(self.database_url)
        try:
            tenant: UUID = await connection.fetchval("SELECT id FROM cms.tenants")
            ids = {"tenant": tenant}
            await connection.execute("SELECT set_config('cms.tenant', $1, false)", str(tenant))
            for name, fields in TYPES.items():
                ids[name] = await connection.fetchval(
                    "INSERT INTO cms.content_types (tenant_id, id, name, display_name, fields)"
                    " VALUES ($1, gen_random_uuid(), $2, $2, $3::jsonb) RETURNING id",
                    tenant,
                    name,
                    json.dumps(fields),
                )
                fill = _FILL.format(
                    id=_id(name, "n"),
                    fields=_FIELDS[name],
                    numbers=articles.numbers(_COUNTS[name]),
                    published_at=articles.PUBLISHED_AT,
                )
                await connection.execute(fill, tenant, ids[name])
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()
        return ids

    def execute(self, statement: str) -> None:
        database.execute(self.database_url, statement)

    @contextmanager
    def outdating(self) -> Iterator[None]:
        """Each second all that is cached becomes outdated: what is asked for once in a second is in
        no cache.
        """
        done = threading.Event()

        async def outdate() -> None:
            connection = await asyncpg.connect(self.database_url)
            try:
                while not done.is_set():
                    await connection.execute(_OUTDATE)
                    await asyncio.to_thread(done.wait, _OUTDATE_SECONDS)
            finally:
                await connection.close()

        thread = threading.Thread(target=lambda: asyncio.run(outdate()))
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def token(self, identity: Identity) -> str:
        """The access token that a log-in of an owner gives."""
        keys = KeyStore(ring_of_secret(self._jwt_secret))
        return AccessTokens(keys, _TOKEN_SECONDS, time.time).issue(identity, Role.OWNER)

    def log_in(self, url: str) -> str:
        body = {"email": EMAIL, "password": PASSWORD}
        answer = httpx.post(f"{url}/v1/tenants/{TENANT}/auth/login", json=body)
        token: str = answer.raise_for_status().json()["accessToken"]
        return token
