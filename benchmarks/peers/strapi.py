# ruff: noqa: S608 - the statements are our own
"""Strapi without its admin panel, its request log and its count of what a list does not show.

A token with full access asks. Documents have no drafts, which would make each of them two rows.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from benchmarks import articles, database
from benchmarks.peers.node import Node
from benchmarks.peers.system import NEW_BODY, NEW_SLUG, NEW_TITLE, UNCACHED, Case, Row, Server
from benchmarks.wrk import Request
from tests.service.servers import Postgres
from tests.support.ports import free_port

_PROGRAM = Path("@strapi/strapi/bin/strapi.js")
_SETTINGS = {
    "database": """({ connection: { client: 'postgres',
        connection: { connectionString: env('DATABASE_URL') },
        pool: { min: 0, max: env.int('CONNECTIONS') } } })""",
    "server": """({ host: '127.0.0.1', port: env.int('PORT'), app: { keys: [env('SECRET')] },
        logger: { updates: { enabled: false }, startup: { enabled: false } } })""",
    "admin": """({ serveAdminPanel: false, auth: { secret: env('SECRET') },
        apiToken: { salt: env('SECRET') }, transfer: { token: { salt: env('SECRET') } },
        secrets: { encryptionKey: env('SECRET') }, flags: { nps: false, promoteEE: false } })""",
    "api": "({ rest: { maxLimit: 100, withCount: false } })",
    "middlewares": json.dumps(
        [
            f"strapi::{name}"
            for name in ("errors", "security", "cors", "query", "body", "favicon", "public")
        ]
    ),
}
_BOOTSTRAP = """
module.exports = {
  async bootstrap({ strapi }) {
    const token = await strapi.service('admin::api-token').create({
      kind: 'content-api', name: `benchmark ${Date.now()}`, type: 'full-access', lifespan: null,
    });
    require('fs').writeFileSync(process.env.TOKEN_FILE, token.accessKey);
  },
};
"""
_TYPES = {
    "author": {"name": {"type": "string"}, "bio": {"type": "text"}},
    "tag": {"title": {"type": "string"}},
    "article": {
        "title": {"type": "string"},
        "slug": {"type": "uid"},
        "body": {"type": "text"},
        "price": {"type": "integer"},
        "publishedOn": {"type": "datetime"},
        "author": {"type": "relation", "relation": "manyToOne", "target": "api::author.author"},
        "tags": {"type": "relation", "relation": "manyToMany", "target": "api::tag.tag"},
    },
}
_FACTORIES = {"routes": "Router", "controllers": "Controller", "services": "Service"}

_STEPS = ", ".join(str(step) for step in articles.TAG_STEPS)
_TIMES = "now(), now(), now()"


def _document(kind: str, number: str) -> str:
    """A document's identifier ends with the number of its row, in twelve digits."""
    return f"'benchmark{kind}' || lpad(({number})::text, 12, '0')"


# Rows are numbered from 1.
_FILL = (
    f"""INSERT INTO authors (id, document_id, name, bio, created_at, updated_at, published_at)
        SELECT n + 1, {_document("aut", "n")}, {articles.AUTHOR_NAME}, {articles.AUTHOR_BIO},
               {_TIMES} FROM {articles.numbers(articles.AUTHORS)}""",
    f"""INSERT INTO tags (id, document_id, title, created_at, updated_at, published_at)
        SELECT n + 1, {_document("tag", "n")}, {articles.TAG_TITLE}, {_TIMES}
        FROM {articles.numbers(articles.TAGS)}""",
    f"""INSERT INTO articles (id, document_id, title, slug, body, price, published_on,
                              created_at, updated_at, published_at)
        SELECT n + 1, {_document("art", "n")}, {articles.TITLE}, {articles.SLUG}, {articles.BODY},
               {articles.PRICE}, {articles.PUBLISHED_AT}, {_TIMES}
        FROM {articles.numbers(articles.ARTICLES)}""",
    f"""INSERT INTO articles_author_lnk (article_id, author_id)
        SELECT n + 1, {articles.AUTHOR_OF} + 1 FROM {articles.numbers(articles.ARTICLES)}""",
    f"""INSERT INTO articles_tags_lnk (article_id, tag_id, tag_ord)
        SELECT n + 1, (n + step) % {articles.TAGS} + 1, position
        FROM {articles.numbers(articles.ARTICLES)},
             unnest(ARRAY[{_STEPS}]) WITH ORDINALITY AS steps(step, position)""",
    f"SELECT setval(pg_get_serial_sequence('articles', 'id'), {2 * articles.ARTICLES})",
    "CREATE UNIQUE INDEX ON articles (slug)",
    "CREATE INDEX ON articles (published_on DESC)",
)
_AUTHOR = f"benchmarkaut{{{articles.AUTHORS}:12}}"
_NEW = {
    "title": NEW_TITLE,
    "slug": NEW_SLUG,
    "body": NEW_BODY,
    "price": 5,
    "publishedOn": "2000-01-01T00:00:00Z",  # not before those that are asked for
    "author": _AUTHOR,
    "tags": [f"benchmarktag{{{articles.TAGS}+{step}:12}}" for step in articles.TAG_STEPS],
}


class Strapi:
    name = "Strapi"
    cases = UNCACHED

    def __init__(self, node: Node, postgres: Postgres, folder: Path) -> None:
        self._node = node
        self._postgres = postgres
        self._folder = folder
        self._port = free_port()
        self._secret = secrets.token_hex(16)

    def prepare(self) -> None:
        _write_application(self._folder)
        (self._folder / "node_modules").symlink_to(self._node.modules)
        url = database.create(self._postgres, "strapi")
        with self.serving():
            pass  # its first start makes the tables
        database.fill(url, *_FILL)

    @contextmanager
    def serving(self) -> Iterator[Server]:
        url = f"http://127.0.0.1:{self._port}"
        token = self._folder / "token"
        environment = {
            "HOME": str(self._folder),
            "PORT": str(self._port),
            "DATABASE_URL": self._postgres.superuser_url("strapi"),
            "CONNECTIONS": str(database.CONNECTIONS),
            "SECRET": self._secret,
            "TOKEN_FILE": str(token),
            "STRAPI_TELEMETRY_DISABLED": "true",
        }
        start: list[str | Path] = [self._node.modules / _PROGRAM, "start"]
        log = self._folder / "log"
        with self._node.running(start, environment, f"{url}/_health", log) as pid:
            yield Server(url, pid, token.read_text())

    def request(self, case: Case, server: Server) -> Request:
        if case.row is Row.CREATE:
            headers = server.headers | {"Content-Type": "application/json"}
            return Request("/api/articles", headers, json.dumps({"data": _NEW}))
        return Request(f"/api/articles{_asked(case.row)}", server.headers)

    def under(self, _case: Case) -> AbstractContextManager[None]:
        return nullcontext()


def _write_application(folder: Path) -> None:
    dependencies = {"dependencies": {"@strapi/strapi": "*", "pg": "*"}}
    _write(folder / "package.json", json.dumps({"name": "articles", **dependencies}))
    _write(folder / "public/uploads/.keep", "")
    _write(folder / "src/index.js", _BOOTSTRAP)
    for name, settings in _SETTINGS.items():
        _write(folder / f"config/{name}.js", f"module.exports = ({{ env }}) => {settings};")
    for name, attributes in _TYPES.items():
        api = folder / "src/api" / name
        schema = {
            "kind": "collectionType",
            "collectionName": f"{name}s",
            "info": {"singularName": name, "pluralName": f"{name}s", "displayName": name},
            "options": {"draftAndPublish": False},
            "attributes": attributes,
        }
        _write(api / "content-types" / name / "schema.json", json.dumps(schema))
        for part, factory in _FACTORIES.items():
            made = f"require('@strapi/strapi').factories.createCore{factory}('api::{name}.{name}')"
            _write(api / part / f"{name}.js", f"module.exports = {made};")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _asked(row: Row) -> str:
    """The query of a row; an article is asked for by its own key, which is faster than the slug."""
    if row is Row.ARTICLE:
        return f"/benchmarkart{{{articles.ARTICLES}:12}}?populate=author"
    found = (
        f"?filters[author][documentId][$eq]={_AUTHOR}&filters[price][$gte]=-{{100000}}"
        f"&sort=publishedOn:desc&pagination[pageSize]={articles.PAGE}"
    )
    return found if row is Row.LIST else f"{found}&populate[0]=author&populate[1]=tags"
