# ruff: noqa: S608 - the statements are put together from constants of this module
"""What delivery is measured against: the least that can answer the same.

    python -m benchmarks.delivery.one_site PORT DATABASE_URL FOLDER

Without tenants, tokens, metrics, request ids, row-level security and caches. `FOLDER` holds the
bytes of the cached entry and the ids that the queries need.
"""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.database import CONNECTIONS
from cms_service.core.http.asgi import App, Receive, Scope, Send

_OF = """json_build_object('id', {0}.entry_id, 'slug', {0}.slug, 'version', {0}.version,
    'publishedAt', {0}.published_at, 'fields', {1})"""
_AUTHOR = f"""(SELECT {_OF.format("a", "a.fields")} FROM cms.published_entries a
    WHERE a.tenant_id = p.tenant_id AND a.entry_id = (p.fields->>'author')::uuid)"""
_TAGS = f"""(SELECT json_agg({_OF.format("g", "g.fields")} ORDER BY r.position)
    FROM jsonb_array_elements_text(p.fields->'tags') WITH ORDINALITY r(id, position)
    JOIN cms.published_entries g ON g.tenant_id = p.tenant_id AND g.entry_id = r.id::uuid)"""
_ENTRY = f"""SELECT {_OF.format("p", f"p.fields || jsonb_build_object('author', {_AUTHOR})")}::text
    FROM cms.published_entries p
    WHERE p.tenant_id = $1 AND p.content_type_id = $2 AND p.slug = $3"""
_LIST = """SELECT json_agg({})::text FROM (
    SELECT * FROM cms.published_entries
    WHERE tenant_id = $1 AND content_type_id = $2 AND fields->>'author' = $3
      AND (fields->>'price')::numeric >= $4
    ORDER BY published_at DESC, entry_id DESC LIMIT 20) p"""
_PLAIN_LIST = _LIST.format(_OF.format("p", "p.fields"))
_FULL_FIELDS = f"p.fields || jsonb_build_object('author', {_AUTHOR}, 'tags', {_TAGS})"
_FULL_LIST = _LIST.format(_OF.format("p", _FULL_FIELDS))


def bare(body: bytes) -> App:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def handlers(url: str, tenant_id: str, type_id: str) -> Starlette:
    pools: list[Any] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, max_size=CONNECTIONS, reset=no_reset) as pool:
            pools.append(pool)
            yield

    async def answer(sql: str, *values: object) -> Response:
        text: str = await pools[0].fetchval(sql, tenant_id, type_id, *values)
        return Response(text, media_type="application/json")

    async def entry(request: Request) -> Response:
        return await answer(_ENTRY, request.path_params["slug"])

    async def plain_list(request: Request) -> Response:
        query = request.query_params
        return await answer(_PLAIN_LIST, query["author"], int(query["price"]))

    async def full_list(request: Request) -> Response:
        query = request.query_params
        return await answer(_FULL_LIST, query["author"], int(query["price"]))

    routes = [
        Route("/entry/{slug}", entry),
        Route("/list", plain_list),
        Route("/full", full_list),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


async def no_reset(_connection: Any) -> None:
    pass


def main() -> None:
    port, url, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    ids = json.loads((folder / "ids.json").read_text())
    cached = bare((folder / "body").read_bytes())
    queries = handlers(url, ids["tenant"], ids["article"])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        bare_one = scope["type"] == "http" and scope["path"] == "/cached"
        await (cached if bare_one else queries)(scope, receive, send)

    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
