"""What kopf gets to hear of an API server, well or not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client as aio

from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching import kopf_session
from cms_operator.cluster.watching.kopf_session import DEAF_SECONDS, SERVER, KopfSession
from cms_operator.cluster.watching.pause import LONGEST_REFUSED_SECONDS, PAUSE_SECONDS
from cms_operator.observability.metrics import REGISTRY
from tests.support import virtual_time
from tests.unit.observability.scraping import value

Object = dict[str, Any]
DAY = 86_400.0
PATH = HEADLESS_CMS.path(None)
GROUP_VERSION = f"/apis/{HEADLESS_CMS.api_version}"
WATCH = f"{PATH}?watch=true&resourceVersion=7"
EXPIRED = ("ERROR", 410)


def parent(name: str, version: int, namespace: str = "team-a") -> Object:
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": str(version),
    }
    return {"apiVersion": HEADLESS_CMS.api_version, "kind": "HeadlessCMS", "metadata": metadata}


def page(version: int, *items: Object, following: str = "") -> bytes:
    metadata = {"resourceVersion": str(version), "continue": following}
    return orjson.dumps({"metadata": metadata, "items": items})


def told(kind: str, found: Object) -> bytes:
    return orjson.dumps({"type": kind, "object": found}) + b"\n"


SHOP = told("ADDED", parent("shop", 8))
BOOKMARK = told("BOOKMARK", {"metadata": {"resourceVersion": "9"}})


class Kopf:
    """Asks as kopf does; the server gives the next of `answers`."""

    def __init__(self, store: Store, *namespaces: str) -> None:
        self.answers: list[web.Response] = []
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        self.server = TestServer(app)
        self._store = store
        self._namespaces = namespaces or (None,)

    async def _serve(self, _: web.Request) -> web.Response:
        return self.answers.pop(0)

    async def begin(self) -> None:
        await self.server.start_server()
        configuration = aio.Configuration()
        configuration.host = str(self.server.make_url("")).rstrip("/")
        self._client = KubernetesClient(aio.ApiClient(configuration))
        self._session = KopfSession(self._client, self._store, self._namespaces).open()

    async def end(self) -> None:
        await self._session.close()
        await self._client.close()
        await self.server.close()

    async def get(self, path: str, *answers: web.Response) -> Any:
        self.answers = list(answers)
        async with await self._session.get(SERVER + path) as response:
            assert response.status == 200
            return await response.json()

    async def watch(self, answer: web.Response, path: str = WATCH) -> list[tuple[str, Any]]:
        """The type of each event, and the code of an error or the name and version of an object."""
        self.answers = [answer]
        lines = b""
        async with await self._session.get(SERVER + path) as response:
            assert response.status == 200
            async for chunk in response.content.iter_chunked(2**20):
                lines += chunk
        assert lines.endswith(b"\n") or not lines
        return [brief(orjson.loads(line)) for line in lines.splitlines()]


def brief(event: Object) -> tuple[str, Any]:
    found = event["object"]
    if event["type"] == "ERROR":
        return "ERROR", found["code"]
    return event["type"], (found["metadata"].get("name"), found["metadata"]["resourceVersion"])


@pytest.fixture(autouse=True)
def no_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kopf_session, "LAG_SECONDS", 0)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
async def kopf(store: Store) -> AsyncIterator[Kopf]:
    made = Kopf(store)
    await made.begin()
    yield made
    await made.end()


def refusal(status: int) -> web.Response:
    return web.json_response({"reason": "Somehow", "message": "on purpose"}, status=status)


def answer(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


@pytest.mark.parametrize("path", [PATH, "/apis", "/api", GROUP_VERSION])
@pytest.mark.parametrize("status", [301, 400, 401, 403, 410, 429, 500, 503])
async def test_a_refusal_is_a_connection_that_broke_off(kopf: Kopf, path: str, status: int) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match=str(status)):
        await kopf.get(path, refusal(status))


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 429, 500, 503])
async def test_a_watch_that_is_refused_is_a_connection_that_broke_off(
    kopf: Kopf, status: int
) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match=str(status)):
        await kopf.watch(refusal(status))


@pytest.mark.parametrize("path", [PATH, "/apis", GROUP_VERSION])
@pytest.mark.parametrize("body", [b"<html>", b'{"items": [', b"[]", b"{}", b""])
async def test_what_is_no_answer_is_a_connection_that_broke_off(
    kopf: Kopf, path: str, body: bytes
) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await kopf.get(path, answer(body))


async def test_a_list_that_expires_between_its_pages_begins_anew(kopf: Kopf) -> None:
    await kopf.get(f"{PATH}?limit=1", answer(page(7, parent("shop", 5), following="more")))
    with pytest.raises(aiohttp.ClientPayloadError):
        await kopf.get(f"{PATH}?limit=1&continue=more", refusal(410))


@pytest.mark.parametrize(
    ("sent", "heard"),
    [
        (SHOP + BOOKMARK, [("ADDED", ("shop", "8")), ("BOOKMARK", (None, "9"))]),
        (SHOP + SHOP[:40], [("ADDED", ("shop", "8"))]),
        (told("ERROR", {"code": 410}), [EXPIRED]),
        (SHOP + told("ERROR", {"code": 500}), [("ADDED", ("shop", "8")), EXPIRED]),
        (told("ERROR", {"message": "none"}), [EXPIRED]),
        (told("ADDED", {"metadata": {"resourceVersion": "8"}}), [EXPIRED]),
        (told("ADDED", {"metadata": None}), [EXPIRED]),
        (told("BOOKMARK", {"metadata": None}), [EXPIRED]),
        (b"[]\n", [EXPIRED]),
        (b"<html>\n", []),
        (b"", []),
    ],
)
async def test_a_watch_tells_whole_lines_that_kopf_knows(
    kopf: Kopf, sent: bytes, heard: list[tuple[str, Any]]
) -> None:
    assert await kopf.watch(answer(sent)) == heard


async def test_a_watch_that_cannot_begin_from_there_tells_that_it_has_expired(kopf: Kopf) -> None:
    assert await kopf.watch(refusal(410)) == [EXPIRED]


async def test_after_a_list_a_watch_tells_first_what_is_gone(kopf: Kopf, store: Store) -> None:
    store.put(HEADLESS_CMS, parent("shop", 5))
    store.put(HEADLESS_CMS, parent("blog", 6))
    await kopf.get(f"{PATH}?limit=1", answer(page(50, parent("wiki", 7), following="more")))
    store.put(HEADLESS_CMS, parent("news", 51))
    await kopf.get(f"{PATH}?limit=1&continue=more", answer(page(50, parent("shop", 5))))
    heard = await kopf.watch(answer(SHOP))
    assert heard == [("DELETED", ("blog", "50")), ("ADDED", ("shop", "8"))]


async def test_a_server_that_was_restored_ends_kopf(kopf: Kopf, store: Store) -> None:
    store.put(HEADLESS_CMS, parent("shop", 60))
    with pytest.raises(aiohttp.ClientPayloadError):
        await kopf.get(PATH, answer(page(50, parent("shop", 5))))
    with pytest.raises(TurnedBackError):
        await kopf.get(PATH, answer(page(51, parent("shop", 5))))


async def test_a_server_that_was_restored_to_before_the_last_bookmark_ends_kopf(
    kopf: Kopf,
) -> None:
    await kopf.get(PATH, answer(page(7, parent("shop", 5))))
    await kopf.watch(answer(BOOKMARK))
    with pytest.raises(aiohttp.ClientPayloadError):
        await kopf.get(PATH, answer(page(8, parent("shop", 5))))
    with pytest.raises(TurnedBackError):
        await kopf.get(PATH, answer(page(8, parent("shop", 5))))


async def test_an_api_server_that_lags_for_a_moment_does_not_end_kopf(kopf: Kopf) -> None:
    await kopf.get(PATH, answer(page(7)))
    for version in (20, 30):
        with pytest.raises(aiohttp.ClientPayloadError):
            await kopf.get(PATH, answer(page(version - 15)))
        await kopf.get(PATH, answer(page(version)))


async def test_a_list_of_a_namespace_says_nothing_of_another(store: Store) -> None:
    path = HEADLESS_CMS.path("team-b")
    kopf = Kopf(store, "team-a", "team-b")
    await kopf.begin()
    store.put(HEADLESS_CMS, parent("shop", 5, "team-a"))
    store.put(HEADLESS_CMS, parent("blog", 6, "team-b"))
    await kopf.get(path, answer(page(50)))
    heard = await kopf.watch(answer(b""), f"{path}?watch=true")
    assert heard == [("DELETED", ("blog", "50"))]
    await kopf.end()


@pytest.mark.parametrize(
    ("path", "early", "late"),
    [
        (
            "/apis",
            {"groups": [{"name": "apps"}]},
            {"groups": [{"name": "apps"}, {"name": HEADLESS_CMS.group}]},
        ),
        (GROUP_VERSION, {"resources": []}, {"resources": [{"name": HEADLESS_CMS.plural}]}),
    ],
)
async def test_what_is_served_must_hold_our_kind_for_kopf_looks_but_once(
    kopf: Kopf, path: str, early: Object, late: Object
) -> None:
    with pytest.raises(aiohttp.ClientConnectionError, match="not served yet"):
        await kopf.get(path, answer(orjson.dumps(early)))
    assert await kopf.get(path, answer(orjson.dumps(late))) == late


async def test_a_kind_that_kopf_can_do_without_may_be_missing(kopf: Kopf) -> None:
    with pytest.raises(AssertionError, match="404"):
        await kopf.get("/apis/kopf.dev/v1", refusal(404))
    with pytest.raises(aiohttp.ClientConnectionError):
        await kopf.get(GROUP_VERSION, refusal(404))


class Away:
    """A client whose API server is away."""

    def __init__(self) -> None:
        self.moments: list[float] = []

    async def get(self, *_: Any) -> Any:
        self.moments.append(virtual_time.now())
        raise aiohttp.ClientOSError("refused")


def test_watches_that_fail_begin_with_pauses_and_kopf_is_alive_while_it_tries() -> None:
    async def run() -> None:
        away = Away()
        requests = KopfSession(cast(KubernetesClient, away), Store(), (None,))
        async with requests.open() as session:
            for _ in range(3):
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(SERVER + WATCH)
            assert away.moments == [0, PAUSE_SECONDS, 2 * PAUSE_SECONDS]
            for _ in range(3):
                await asyncio.sleep(DEAF_SECONDS / 2)
                assert requests.alive()
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(SERVER + PATH)
            await asyncio.sleep(DEAF_SECONDS + 1)
            assert not requests.alive()

    virtual_time.run(run())


class Forbidding:
    """A client that may not list the namespace, or may no more."""

    def __init__(self, until: float) -> None:
        self._until = until
        self.asked = 0

    async def get(self, *_: Any) -> Any:
        self.asked += 1
        if virtual_time.now() < self._until:
            raise ApiError(403, "Forbidden", "no right")
        raise aiohttp.ClientOSError("allowed, and away")


def test_a_namespace_that_is_gone_for_long_is_told_once_and_asked_for_rarely(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def run() -> None:
        before = value(REGISTRY, "hcms_operator_watch_errors_total", resource=HEADLESS_CMS.plural)
        client = Forbidding(until=DAY)
        requests = KopfSession(cast(KubernetesClient, client), Store(), ("gone",))
        path = SERVER + HEADLESS_CMS.path("gone")
        async with requests.open() as session:
            while virtual_time.now() < DAY:
                with pytest.raises(aiohttp.ClientConnectionError, match="403"):
                    await session.get(path)
                assert requests.alive()
                await asyncio.sleep(13)
        assert client.asked < DAY / LONGEST_REFUSED_SECONDS + 30
        after = value(REGISTRY, "hcms_operator_watch_errors_total", resource=HEADLESS_CMS.plural)
        assert after == before + 1

    caplog.set_level("INFO")
    virtual_time.run(run())
    assert len(caplog.messages) == 1
