"""What delivery is measured against as well: a handler that asks PostgreSQL the very same.

    python -m benchmarks.delivery.same_query PORT DATABASE_URL FOLDER

The statements of our delivery, asked as the service's role, for which row-level security is on, and
the bytes that PostgreSQL yields put together. Nothing else: no tokens, limits, metrics, request ids
and caches. `FOLDER` holds the ids of the tenant and of the types.
"""

import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.database import CONNECTIONS
from benchmarks.delivery.one_site import no_reset
from benchmarks.ours import TYPES
from cms_service.content_types.schemas import ContentType
from cms_service.delivery.composing import Fetched, composed
from cms_service.delivery.query.grammar import parse_entry_query, parse_list_query
from cms_service.delivery.query.plan import entry_shape, list_plan
from cms_service.delivery.sql.parameters import Sql
from cms_service.delivery.sql.statements import (
    COLUMNS,
    MAX_ANSWER_BYTES,
    list_statement,
    shaped_entry,
)
from cms_service.locales.schemas import ENGLISH

_SINCE = datetime(2026, 1, 1, tzinfo=UTC)
# Stands in the list's statement for whatever price is asked for.
_A_PRICE = -12_345


def main() -> None:
    port, url, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    ids = json.loads((folder / "ids.json").read_text())
    app = handlers(url, ids["tenant"], _types(ids))
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


def handlers(url: str, tenant_id: str, types: Mapping[str, ContentType]) -> Starlette:
    pools: list[Any] = []
    article = types["article"]
    shape = entry_shape(parse_entry_query(b"expand=author"), article, types)
    entries = shaped_entry(shape, article.id)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, max_size=CONNECTIONS, reset=no_reset) as pool:
            pools.append(pool)
            yield

    async def answer(sql: Sql) -> Response:
        row = await pools[0].fetchrow(sql.text, tenant_id, *sql.values)
        fetched = Fetched(row[len(COLUMNS) :], row["references"])
        found = b",".join(composed(fetched, sql.expansions, MAX_ANSWER_BYTES))
        return Response(found, media_type="application/json")

    async def entry(request: Request) -> Response:
        return await answer(entries.of(request.path_params["slug"]))

    def listed(expand: str) -> Callable[[Request], Any]:
        lists: dict[str, Sql] = {}

        async def page(request: Request) -> Response:
            author, price = request.query_params["author"], int(request.query_params["price"])
            if author not in lists:
                lists[author] = _list(types, author, expand)
            return await answer(_from_price(lists[author], price))

        return page

    routes = [
        Route("/entry/{slug}", entry),
        Route("/list", listed("")),
        Route("/full", listed("&expand=author,tags")),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def _types(ids: Mapping[str, str]) -> dict[str, ContentType]:
    stored = {
        name: {
            "id": ids[name],
            "name": name,
            "displayName": name,
            "fields": fields,
            "version": 1,
            "createdAt": _SINCE,
            "updatedAt": _SINCE,
            "locales": ENGLISH.model_dump(mode="json"),
        }
        for name, fields in TYPES.items()
    }
    return {name: ContentType.model_validate(each, strict=False) for name, each in stored.items()}


def _list(types: Mapping[str, ContentType], author: str, expand: str) -> Sql:
    conditions = f"filter[fields.author][eq]={author}&filter[fields.price][gte]={_A_PRICE}"
    query = parse_list_query(f"{conditions}{expand}".encode())
    plan = list_plan(query, types["article"])
    shape = entry_shape(query, types["article"], types, plan.limit)
    return list_statement(plan, shape, goes_on=False).of(plan, None)


def _from_price(sql: Sql, price: int) -> Sql:
    known = orjson.dumps(_A_PRICE).decode()
    values = (str(price) if value == known else value for value in sql.values)
    return Sql(sql.text, tuple(values), sql.expansions)


if __name__ == "__main__":
    main()
