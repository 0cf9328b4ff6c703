import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from benchmarks import articles
from benchmarks.ours import DELIVERY, ID_STARTS, TENANT, Ours
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
from tests.service.processes import ServeProcess
from tests.service.servers import Postgres, Redis

_TAGS = [f"{ID_STARTS['tag']}{{{articles.TAGS}+{step}:12}}" for step in articles.TAG_STEPS]
_AUTHOR = f"{ID_STARTS['author']}{{{articles.AUTHORS}:12}}"
_DRAFT = {
    "title": NEW_TITLE,
    "slug": NEW_SLUG,
    "body": NEW_BODY,
    "price": 5,
    "author": _AUTHOR,
    "tags": _TAGS,
}


class OurCms:
    name = "ours"
    cases = (*UNCACHED[:-1], *CACHED, UNCACHED[-1])

    def __init__(self, postgres: Postgres, redis: Redis, folder: Path) -> None:
        self._site = Ours(postgres, redis, folder)
        self._folder = folder

    def prepare(self) -> None:
        self._site.prepare()
        self._site.fill()

    @contextmanager
    def serving(self) -> Iterator[Server]:
        with ServeProcess(self._site.environment(), self._folder / "ours.log") as process:
            process.wait_until_ready()
            yield Server(process.url, process.pid, self._site.log_in(process.url))

    def request(self, case: Case, server: Server) -> Request:
        if case.row is Row.CREATE:
            path = f"/v1/tenants/{TENANT}/content-types/article/entries"
            headers = server.headers | {"Content-Type": "application/json"}
            return Request(path, headers, json.dumps({"fields": _DRAFT}))
        return Request(f"{DELIVERY}/article{_asked(case)}", server.headers)

    def under(self, case: Case) -> AbstractContextManager[None]:
        uncached_read = case.row is not Row.CREATE and not case.cached
        return self._site.outdating() if uncached_read else nullcontext()


def _asked(case: Case) -> str:
    if case.row is Row.ARTICLE:
        number = f"{{{100 if case.cached else articles.ARTICLES}}}"
        return f"/article-{number}?expand=author"
    price = "{1}" if case.cached else "{100000}"
    found = f"?filter[fields.author][eq]={_AUTHOR}&filter[fields.price][gte]=-{price}"
    return found if case.row is Row.LIST else f"{found}&expand=author,tags"
