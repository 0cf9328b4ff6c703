# ruff: noqa: S608 - the statements are our own
"""Directus as its documentation has it for production, and with indexes where it makes none.

Its administrator asks, with an access token: no rights have to be looked up.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import httpx

from benchmarks import articles, database
from benchmarks.peers.node import Node
from benchmarks.peers.system import (
    CACHED,
    NEW_BODY,
    NEW_SLUG,
    NEW_TITLE,
    UNCACHED,
    Case,
    Row,
    Server,
)
from benchmarks.wrk import Request
from tests.service.servers import Postgres, Redis
from tests.support.ports import free_port

_EMAIL, _PASSWORD = "admin@example.com", secrets.token_hex(16)
# The command line itself looks for a newer release first.
_PROGRAM = Path("@directus/api/dist/cli/run.js")

_ID = {
    "field": "id",
    "type": "integer",
    "schema": {"is_primary_key": True, "has_auto_increment": True},
}
_MANY_TAGS = {"special": ["m2m"], "interface": "list-m2m"}


def _field(name: str, kind: str, **schema: object) -> dict[str, object]:
    return {"field": name, "type": kind, "schema": schema}


_COLLECTIONS: dict[str, list[dict[str, object]]] = {
    "author": [_field("name", "string"), _field("bio", "text")],
    "tag": [_field("title", "string")],
    "article": [
        _field("title", "string"),
        _field("slug", "string", is_unique=True),
        _field("body", "text"),
        _field("price", "integer"),
        _field("published_on", "timestamp"),
        _field("author", "integer"),
        {"field": "tags", "type": "alias", "meta": _MANY_TAGS},
    ],
    "article_tag": [_field("article", "integer"), _field("tag", "integer")],
}
_RELATIONS: list[dict[str, object]] = [
    {"collection": "article", "field": "author", "related_collection": "author"},
    {
        "collection": "article_tag",
        "field": "article",
        "related_collection": "article",
        "meta": {"one_field": "tags", "junction_field": "tag"},
    },
    {
        "collection": "article_tag",
        "field": "tag",
        "related_collection": "tag",
        "meta": {"junction_field": "article"},
    },
]
# Row n has the number 1000000 + n, so that as many digits as are counted can stand behind a 1.
_BASE = 1_000_000
_STEPS = ", ".join(str(step) for step in articles.TAG_STEPS)
_FILL = (
    f"""INSERT INTO author (id, name, bio)
        SELECT {_BASE} + n, {articles.AUTHOR_NAME}, {articles.AUTHOR_BIO}
        FROM {articles.numbers(articles.AUTHORS)}""",
    f"""INSERT INTO tag (id, title)
        SELECT {_BASE} + n, {articles.TAG_TITLE} FROM {articles.numbers(articles.TAGS)}""",
    f"""INSERT INTO article (id, title, slug, body, price, published_on, author)
        SELECT {_BASE} + n, {articles.TITLE}, {articles.SLUG}, {articles.BODY}, {articles.PRICE},
               {articles.PUBLISHED_AT}, {_BASE} + {articles.AUTHOR_OF}
        FROM {articles.numbers(articles.ARTICLES)}""",
    f"""INSERT INTO article_tag (article, tag)
        SELECT {_BASE} + n, {_BASE} + (n + step) % {articles.TAGS}
        FROM {articles.numbers(articles.ARTICLES)}, unnest(ARRAY[{_STEPS}]) step""",
    f"SELECT setval(pg_get_serial_sequence('article', 'id'), {2 * _BASE})",
    "CREATE INDEX ON article (author, published_on DESC)",
    "CREATE INDEX ON article_tag (article)",
    "CREATE INDEX ON article_tag (tag)",
)
_AUTHOR = f"1{{{articles.AUTHORS}:6}}"
_NEW = {
    "title": NEW_TITLE,
    "slug": NEW_SLUG,
    "body": NEW_BODY,
    "price": 5,
    "published_on": "2000-01-01T00:00:00Z",  # not before those that are asked for
    "author": _AUTHOR,
    "tags": [{"tag": f"1{{{articles.TAGS}+{step}:6}}"} for step in articles.TAG_STEPS],
}


class Directus:
    """`redis`: for its cache; without it it has none."""

    def __init__(
        self, node: Node, postgres: Postgres, folder: Path, redis: Redis | None = None
    ) -> None:
        self._node = node
        self._postgres = postgres
        self._folder = folder
        self._redis = redis
        self._port = free_port()
        self.name = "Directus" if redis is None else "Directus with Redis"
        self.cases = UNCACHED if redis is None else CACHED

    def with_cache(self, redis: Redis) -> "Directus":
        """Another one with a cache, on the same database, which has to be prepared."""
        return Directus(self._node, self._postgres, self._folder, redis)

    def prepare(self) -> None:
        if self._redis is not None:
            return
        for name in ("extensions", "uploads"):
            (self._folder / name).mkdir(parents=True)
        (self._folder / "package.json").write_text("{}")
        url = database.create(self._postgres, "directus")
        self._node.run([self._node.modules / _PROGRAM, "bootstrap"], self._environment())
        with self._running(CACHE_SCHEMA_FREEZE_ENABLED="false") as (client, _):
            _make_collections(client)
        database.fill(url, *_FILL)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with self._running() as (client, server):
            client.close()
            yield server

    def request(self, case: Case, server: Server) -> Request:
        if case.row is Row.CREATE:
            headers = server.headers | {"Content-Type": "application/json"}
            return Request("/items/article?fields=title", headers, json.dumps(_NEW))
        return Request(f"/items/article{_asked(case)}", server.headers)

    def under(self, _case: Case) -> AbstractContextManager[None]:
        return nullcontext()

    @contextmanager
    def _running(self, **changes: str) -> Iterator[tuple[httpx.Client, Server]]:
        """A server, with a client who is logged in."""
        url = f"http://127.0.0.1:{self._port}"
        start: list[str | Path] = [self._node.modules / _PROGRAM, "start"]
        environment = self._environment() | changes
        log = self._folder / "log"
        with (
            self._node.running(start, environment, f"{url}/server/ping", log) as pid,
            httpx.Client(base_url=url, timeout=60) as client,
        ):
            login = {"email": _EMAIL, "password": _PASSWORD}
            answer = client.post("/auth/login", json=login).raise_for_status()
            server = Server(url, pid, answer.json()["data"]["access_token"])
            client.headers.update(server.headers)
            yield client, server

    def _environment(self) -> dict[str, str]:
        parts = database.parts(self._postgres.superuser_url("directus"))
        own = {
            "HOME": str(self._folder),
            "HOST": "127.0.0.1",
            "PORT": str(self._port),
            "PUBLIC_URL": f"http://127.0.0.1:{self._port}",
            "SECRET": secrets.token_hex(32),
            "ADMIN_EMAIL": _EMAIL,
            "ADMIN_PASSWORD": _PASSWORD,
            "ACCESS_TOKEN_TTL": "1d",
            "DB_CLIENT": "pg",
            **{f"DB_{name}": value for name, value in parts.items()},
            "DB_POOL__MAX": str(database.CONNECTIONS),
            "EXTENSIONS_PATH": str(self._folder / "extensions"),
            "STORAGE_LOCAL_ROOT": str(self._folder / "uploads"),
            "LOG_LEVEL": "error",
            "TELEMETRY": "false",
            "RATE_LIMITER_ENABLED": "false",
            "PRESSURE_LIMITER_ENABLED": "false",
            "CACHE_SCHEMA_FREEZE_ENABLED": "true",
        }
        if self._redis is None:
            return own
        caching = {"CACHE_ENABLED": "true", "CACHE_STORE": "redis", "CACHE_TTL": "1h"}
        return own | caching | {"REDIS": self._redis.url}


def _make_collections(client: httpx.Client) -> None:
    for name, fields in _COLLECTIONS.items():
        made: dict[str, Any] = {"collection": name, "meta": {}, "schema": {}}
        client.post("/collections", json={**made, "fields": [_ID, *fields]}).raise_for_status()
    for relation in _RELATIONS:
        schema = {"schema": {"on_delete": "CASCADE"}}
        client.post("/relations", json=relation | schema).raise_for_status()


# Not all of them, which would look up the tags.
_FIELDS = "id,title,slug,body,price,published_on"


def _asked(case: Case) -> str:
    """The query of a case; an article is asked for by its own key, which is as fast as the slug."""
    if case.row is Row.ARTICLE:
        number = f"{{{100 if case.cached else articles.ARTICLES}:6}}"
        return f"/1{number}?fields={_FIELDS},author.*"
    price = "1" if case.cached else "{100000}"
    found = (
        f"?filter[author][_eq]={_AUTHOR}&filter[price][_gte]=-{price}"
        f"&sort=-published_on&limit={articles.PAGE}"
    )
    fields = f"{_FIELDS},author" if case.row is Row.LIST else f"{_FIELDS},author.*,tags.tag.*"
    return f"{found}&fields={fields}"
