"""A watch goes on through whatever a server answers; on a clock of the test's own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Self, cast

import aiohttp
import pytest

from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import HEADLESS_CMS, HTTP_ROUTE, SERVICE, Kind
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.pause import (
    LONGEST_PAUSE_SECONDS,
    LONGEST_REFUSED_SECONDS,
    PAUSE_SECONDS,
)
from cms_operator.cluster.watching.watch import Watch
from cms_operator.events import EventSink
from cms_operator.observability.metrics import REGISTRY
from cms_operator.resources import labels
from cms_operator.workqueue import WorkQueue
from tests.support import virtual_time
from tests.unit.observability.scraping import value

Object = dict[str, Any]
HOUR = 3600.0
SHOP = Key("team-a", "shop")
OWNER = {"kind": "HeadlessCMS", "name": "shop", "uid": "9", "controller": True}
# The server's answers to what asks for now too much, or of what it cannot now.
PASSING = [401, 403, 429, 503, 504]


def service(version: int, name: str = "shop", **spec: Any) -> Object:
    metadata = {
        "name": name,
        "namespace": "team-a",
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
        "labels": {labels.INSTANCE: "shop", labels.MANAGED_BY: labels.OPERATOR},
        "ownerReferences": [OWNER],
    }
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


class Server:
    """What an API server says, as far as a watch hears of it.

    `refuse` gives the answer to a list ("GET") or a watch ("WATCH") at this second, None for a
    good one. `begun` and `listed` count, `moments` are the seconds of all requests.
    """

    def __init__(self, refuse: Callable[[str, float], Exception | None]) -> None:
        self._refuse = refuse
        self.objects: dict[str, Object] = {}
        self.version = 10
        self.told: asyncio.Queue[Object | Exception] = asyncio.Queue()
        self.asked: Counter[str] = Counter()
        self.moments: list[float] = []
        self.since: list[str] = []

    def put(self, found: Object) -> None:
        self.version = int(found["metadata"]["resourceVersion"])
        self.objects[found["metadata"]["name"]] = found

    async def request(self, method: str, _: str, **__: Any) -> Any:
        self._count(method)
        return {
            "metadata": {"resourceVersion": str(self.version)},
            "items": [*self.objects.values()],
        }

    async def watch(self, _: str, query: Mapping[str, str]) -> AsyncIterator[Object]:
        self._count("WATCH")
        self.since.append(query["resourceVersion"])
        while True:
            told = await self.told.get()
            if isinstance(told, Exception):
                raise told
            yield told

    def _count(self, what: str) -> None:
        self.asked[what] += 1
        self.moments.append(virtual_time.now())
        if error := self._refuse(what, virtual_time.now()):
            raise error


def well(_: str, __: float) -> None:
    return None


class Operator:
    """A watch, what it has learned and whom it has queued."""

    def __init__(self, server: Server, kind: Kind = SERVICE) -> None:
        self.store = Store()
        self.queue: WorkQueue[Key] = WorkQueue(virtual_time.now, lambda: 1.0)
        events = EventSink(self.store, self.queue.add, lambda *_: set())
        self.watch = Watch(
            cast(KubernetesClient, server),
            self.store,
            kind,
            None,
            take=events.take,
            queue=self.queue.add,
            listed=lambda *_: None,
        )

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.watch.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert not self._task.done(), "a watch never ends by itself"
        self._task.cancel()

    def queued(self) -> set[Key]:
        found = set()
        while taken := self.queue.take():
            found.add(taken[0])
            self.queue.done(taken[0])
        return found


def error(status: int, patience: float | None = None) -> ApiError:
    return ApiError(status, "Somehow", "on purpose", patience)


def broken_off() -> float:
    return value(REGISTRY, "hcms_operator_watch_errors_total", resource=SERVICE.plural)


@pytest.mark.parametrize("status", [*PASSING, 404, 410, 500])
def test_an_api_server_that_refuses_for_hours_is_followed_again_soon_after(status: int) -> None:
    back = 3 * HOUR

    async def run() -> None:
        server = Server(lambda _, now: error(status) if 1 < now < back else None)
        server.put(service(5))
        server.put(service(6, "gone"))
        async with Operator(server) as operator:
            await asyncio.sleep(1)
            server.told.put_nowait(error(status))
            del server.objects["gone"]
            server.put(service(99, type="LoadBalancer"))
            await asyncio.sleep(back - 1)
            assert len(server.moments) < 2 + back / LONGEST_PAUSE_SECONDS + 10
            operator.queued()
            if status in PASSING:  # what it has missed the server tells
                server.told.put_nowait({"type": "MODIFIED", "object": service(99, type="X")})
                server.told.put_nowait({"type": "DELETED", "object": service(98, "gone")})
            rarely = error(status).is_about_one_kind
            await asyncio.sleep(LONGEST_REFUSED_SECONDS if rarely else LONGEST_PAUSE_SECONDS)
            assert operator.queued() == {SHOP}
            assert operator.store.get(SERVICE, "team-a", "gone") is None
            found = operator.store.get(SERVICE, "team-a", "shop")
            assert found is not None
            assert found["metadata"]["resourceVersion"] == "99"
            assert server.asked["GET"] == 1 or status not in PASSING

    virtual_time.run(run())


@pytest.mark.parametrize("outage", [1, 30, 300])
def test_a_right_that_was_missing_for_a_while_costs_little_more_than_that_while(
    outage: float,
) -> None:
    async def run() -> None:
        server = Server(lambda _, now: error(403) if now < outage else None)
        async with Operator(server):
            await asyncio.sleep(1.25 * outage + LONGEST_PAUSE_SECONDS)
            assert server.asked["WATCH"] == 1

    virtual_time.run(run())


@pytest.mark.parametrize(
    "failure",
    [error(410), error(500), aiohttp.ClientPayloadError(), TimeoutError(), KeyError("metadata")],
    ids=lambda failure: f"{type(failure).__name__} {getattr(failure, 'status', '')}".strip(),
)
def test_after_a_watch_that_lasted_the_next_begins_at_once(failure: Exception) -> None:
    async def run() -> None:
        server = Server(well)
        server.put(service(5))
        async with Operator(server) as operator:
            await asyncio.sleep(HOUR)
            before = broken_off()
            server.put(service(20, type="NodePort"))
            server.told.put_nowait({"type": "MODIFIED", "object": service(20, type="NodePort")})
            await asyncio.sleep(1)
            server.told.put_nowait(failure)
            await asyncio.sleep(0.1)
            assert server.asked["WATCH"] == 2
            assert server.since[-1] == "20"
            assert operator.queued() == {SHOP}
            assert broken_off() == before + 1

    virtual_time.run(run())


def test_a_restore_to_before_the_last_bookmark_is_found_by_the_next_list() -> None:
    """A watch from that bookmark would never tell what has happened since then."""

    async def run() -> None:
        server = Server(well)
        server.put(service(5))
        async with Operator(server) as operator:
            bookmark = {"metadata": {"resourceVersion": "7200"}}
            server.told.put_nowait({"type": "BOOKMARK", "object": bookmark})
            await asyncio.sleep(HOUR)
            server.version = 1200
            server.told.put_nowait(aiohttp.ClientPayloadError("the server ended"))
            await asyncio.sleep(HOUR)
            assert server.since[-1] == "7200"
            with pytest.raises(TurnedBackError):
                await operator.watch.list()

    virtual_time.run(run())


def test_an_api_server_that_lags_for_a_moment_ends_nobody() -> None:
    """It is like k3s on a SQL database, with several servers, where there is nothing of a kind."""

    async def run() -> None:
        server = Server(well)
        async with Operator(server) as operator:
            bookmark = {"metadata": {"resourceVersion": "7200"}}
            server.told.put_nowait({"type": "BOOKMARK", "object": bookmark})
            await asyncio.sleep(HOUR)
            server.version = 7199
            asyncio.get_running_loop().call_later(1, setattr, server, "version", 7201)
            await operator.watch.list()
            server.told.put_nowait(aiohttp.ClientPayloadError("the server ended"))
            await asyncio.sleep(1)
            assert server.since[-1] == "7201"

    virtual_time.run(run())


def test_what_is_told_before_each_of_many_ends_brings_no_list_and_no_wait() -> None:
    async def run() -> None:
        server = Server(well)
        async with Operator(server) as operator:
            for version in range(20, 40):
                server.told.put_nowait({"type": "MODIFIED", "object": service(version)})
                server.told.put_nowait(aiohttp.ClientPayloadError("cut"))
            await asyncio.sleep(20 * 2 * PAUSE_SECONDS + 1)
            assert server.asked == {"GET": 1, "WATCH": 21}
            assert operator.store.get(SERVICE, "team-a", "shop")

    virtual_time.run(run())


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks() -> None:
    async def run() -> None:
        server = Server(lambda _, now: error(429, patience=30) if now < 100 else None)
        async with Operator(server):
            await asyncio.sleep(200)
        pauses = [b - a for a, b in zip(server.moments, server.moments[1:], strict=False)]
        assert min(pauses[:4]) >= 30

    virtual_time.run(run())


def test_a_list_that_expires_between_its_pages_begins_anew() -> None:
    class Paged(Server):
        pages = 0

        async def request(self, method: str, _: str, **more: Any) -> Any:
            self._count(method)
            self.pages += 1
            if self.pages == 2:
                assert more["query"]["continue"] == "more"
                raise error(410)
            following = {"continue": "more"} if self.pages in (1, 3) else {}
            metadata = {"resourceVersion": "7", **following}
            name = "first" if following else "last"
            return {"metadata": metadata, "items": [service(5, name)]}

    async def run() -> None:
        server = Paged(well)
        async with Operator(server) as operator:
            await asyncio.sleep(1)
            assert operator.queued() == {SHOP}, "what has come of it counts"
            await asyncio.sleep(2 * PAUSE_SECONDS)
            names = {found["metadata"]["name"] for found in operator.store.of_kind(SERVICE)}
            assert names == {"first", "last"}

    virtual_time.run(run())


def test_a_headless_cms_that_went_unseen_is_forgotten() -> None:
    async def run() -> None:
        parent = service(5)
        server = Server(well)
        server.put(parent)
        async with Operator(server, HEADLESS_CMS) as operator:
            await asyncio.sleep(1)
            assert operator.queued() == {SHOP}
            server.objects.clear()
            server.version = 50
            server.told.put_nowait(error(410))
            await asyncio.sleep(2 * PAUSE_SECONDS)
            assert operator.store.parents() == []
            assert operator.queued() == {SHOP}

    virtual_time.run(run())


def test_a_kind_that_the_cluster_lacks_is_asked_for_when_something_shows_it() -> None:
    async def run() -> None:
        server = Server(lambda _, now: error(404) if now < HOUR else None)
        async with Operator(server, HTTP_ROUTE) as operator:
            await asyncio.sleep(2 * HOUR)
            assert server.asked == {"GET": 1}
            operator.watch.look(HTTP_ROUTE)
            await asyncio.sleep(PAUSE_SECONDS)
            assert server.asked == {"GET": 2, "WATCH": 1}

    virtual_time.run(run())
