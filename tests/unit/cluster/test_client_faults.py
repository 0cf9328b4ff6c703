"""What comes of the answers of an API server, and of answers that do not come."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client as aio
from kubernetes.aio.config import incluster_config

from cms_operator import tasks
from cms_operator.cluster.transport import client as module
from cms_operator.cluster.transport.answers import LONGEST_PATIENCE_SECONDS
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.transport.pace import Pace
from cms_operator.observability.metrics import REGISTRY
from tests.support import virtual_time
from tests.unit.observability.scraping import value

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
POD = {"kind": "Pod"}
# More than a server takes that lets none wait.
QUEUED = 4


@dataclass
class Answer:
    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)

    async def read(self) -> bytes:
        return self.body


class Scripted(KubernetesClient):
    """Gets these answers, one after the other, and the last one again and again."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__(aio.ApiClient(aio.Configuration()))
        self._answers = list(answers)
        self.moments: list[float] = []

    async def _send(self, *_: Any) -> Any:
        self.moments.append(virtual_time.now())
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def busy(seconds: str, status: int = 429) -> Answer:
    body = {"reason": "TooManyRequests", "message": "later"}
    return Answer(status, orjson.dumps(body), {"Retry-After": seconds})


def ask(*answers: Answer) -> tuple[Any, list[float]]:
    """What is returned or raised, and the seconds of the tries."""

    async def run() -> tuple[Any, list[float]]:
        client = Scripted(*answers)
        try:
            return await client.request("GET", "/api/v1/pods"), client.moments
        except ApiError as error:
            return error, client.moments

    return virtual_time.run(run())


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says_so(status: int) -> None:
    found, moments = ask(busy("7", status), busy("2", status), Answer(200, orjson.dumps(POD)))
    assert found == POD
    assert moments == [0, 7, 9]


def test_a_server_that_stays_busy_is_an_error_that_tells_its_patience() -> None:
    found, moments = ask(busy("1"))
    assert (found.status, found.patience) == (429, 1.0)
    assert len(moments) == 3


def test_nobody_makes_the_operator_wait_for_hours() -> None:
    _, moments = ask(busy("86400"), Answer(200))
    assert moments == [0, LONGEST_PATIENCE_SECONDS]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(429),
        busy("soon"),
        busy("-1"),
        busy("Thu, 01 Jan 1970 00:00:00 GMT"),
        busy("5", status=500),
        busy("5", status=403),
    ],
    ids=str,
)
def test_who_asks_for_no_patience_gets_none(answer: Answer) -> None:
    found, moments = ask(answer)
    assert (found.status, found.patience, moments) == (answer.status, None, [0])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 418, 422, 429, 500, 502])
def test_a_webhook_that_forbids_an_object_may_choose_any_status_for_it(status: int) -> None:
    words = 'admission webhook "rules.example.com" denied the request: not before the audit'
    found, _ = ask(Answer(status, orjson.dumps({"reason": "Conflict", "message": words})))
    assert found.message == words
    assert found.may_be_told_of_a_child
    assert not found.is_conflict
    assert not found.is_not_found


def test_a_conflict_and_what_is_gone_are_no_prohibition() -> None:
    message = 'Operation cannot be fulfilled on services "shop": it has been modified'
    found, _ = ask(Answer(409, orjson.dumps({"reason": "Conflict", "message": message})))
    assert found.is_conflict
    message = 'services "shop" not found'
    found, _ = ask(Answer(404, orjson.dumps({"reason": "NotFound", "message": message})))
    assert found.is_not_found


@pytest.mark.parametrize(
    ("words", "counted"),
    [
        ('User "operator" cannot list resource "pods" in API group ""', 1),
        ("exceeded quota: few, requested: pods=1, used: pods=9, limited: pods=9", 0),
    ],
)
def test_a_right_that_is_missing_is_counted_and_no_quota_is(words: str, counted: int) -> None:
    labels = {"verb": "list", "resource": "pods"}
    before = value(REGISTRY, "hcms_operator_api_forbidden_total", **labels)
    body = {"reason": "Forbidden", "message": f"pods is forbidden: {words}"}
    ask(Answer(403, orjson.dumps(body)))
    assert value(REGISTRY, "hcms_operator_api_forbidden_total", **labels) == before + counted


@pytest.mark.parametrize("body", [b'{"kind": "Po', b"<html>", b"\xff"])
def test_half_an_answer_counts_as_none(body: bytes) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        ask(Answer(200, body))


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[KubernetesClient]]]:
    """Leads a client to a server that does as the handler says."""
    opened: list[Any] = []

    async def begin(handler: Handler) -> KubernetesClient:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        await server.start_server()
        configuration = aio.Configuration()
        configuration.host = str(server.make_url("")).rstrip("/")
        client = KubernetesClient(aio.ApiClient(configuration))
        opened.extend((client, server))
        return client

    yield begin
    for found in opened:
        await found.close()


async def follow(client: KubernetesClient, found: list[Any]) -> None:
    async for event in client.watch("/api/v1/pods", {}):
        found.append(event)  # noqa: PERF401  - what came before an error counts


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    """The watch begins, and nothing comes."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(orjson.dumps({"type": "BOOKMARK"}) + b"\n")
    await asyncio.sleep(60)
    return response


async def test_a_request_that_hangs_is_given_up_and_tells_so(
    serve: Callable[[Handler], Awaitable[KubernetesClient]],
) -> None:
    client = await serve(never)
    with pytest.raises(TimeoutError, match=r"^no answer within 0\.2 s$"):
        await client.request("PATCH", "/api/v1/pods", body=POD, seconds=0.2)


async def test_a_watch_that_falls_silent_is_given_up(
    serve: Callable[[Handler], Awaitable[KubernetesClient]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.2)
    client, found = await serve(silent), list[Any]()
    with pytest.raises(TimeoutError):
        await follow(client, found)
    assert found == [{"type": "BOOKMARK"}]


@pytest.fixture
def dropping() -> Iterator[str]:
    """The address of a server that drops what comes, as its queue of connections is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as waiting:
        for _ in range(QUEUED):
            begun = waiting.enter_context(socket.socket())
            begun.settimeout(0)
            begun.connect_ex(server.getsockname())
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_a_watch_whose_connection_is_dropped_is_given_up(
    dropping: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.2)
    client = KubernetesClient(aio.ApiClient(aio.Configuration(host=dropping)))
    try:
        async with asyncio.timeout(20):
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await follow(client, [])
            with pytest.raises(aiohttp.ConnectionTimeoutError):
                await client.get("/api/v1/pods?watch=true", None)
    finally:
        await client.close()


@pytest.mark.parametrize("way", ["watch", "get"])
async def test_a_watch_whose_answer_never_begins_is_given_up(
    serve: Callable[[Handler], Awaitable[KubernetesClient]],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    """A proxy may take the connection and get no answer itself."""
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.2)
    client = await serve(never)
    async with asyncio.timeout(20):
        with pytest.raises(TimeoutError, match="no answer within"):
            await (follow(client, []) if way == "watch" else client.get("/api/v1/pods", None))


async def test_the_kernel_asks_for_a_sign_of_life_where_a_watch_tells_nothing(
    serve: Callable[[Handler], Awaitable[KubernetesClient]],
) -> None:
    """A server that is lost without a word is found out long before the silence is too long."""
    client, told = await serve(silent), list[Any]()
    async with asyncio.timeout(20):
        following = asyncio.create_task(follow(client, told))
        found = await client.get("/api/v1/pods", None)
        while not told:  # noqa: ASYNC110  - nothing tells of it
            await asyncio.sleep(0.01)
    waits = [*seconds_to_probes(found.url.port or 0)]
    found.close()
    await tasks.end([following])
    assert len(waits) == 2
    assert max(waits) <= module.SILENCE_SECONDS / 5


def seconds_to_probes(port: int) -> Iterator[float]:
    """Yield how long each connection to a port of this host stays idle, by the timers of Linux."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, _, remote, _, _, timer, *_ = line.split()
        kind, _, hundredths = timer.partition(":")
        if int(remote.partition(":")[2], 16) == port and kind == "02":
            yield int(hundredths, 16) / 100


async def test_a_watch_of_which_there_is_nothing_to_tell_ends_before_it_counts_as_dead(
    serve: Callable[[Handler], Awaitable[KubernetesClient]],
) -> None:
    """Even bookmarks come only where something has been written."""

    async def quiet(request: web.Request) -> web.Response:
        assert int(request.query["timeoutSeconds"]) < module.SILENCE_SECONDS
        return web.Response()

    client, found = await serve(quiet), list[Any]()
    await follow(client, found)
    assert found == []


async def test_a_watch_that_ends_in_the_middle_of_a_line_tells_what_was_whole(
    serve: Callable[[Handler], Awaitable[KubernetesClient]],
) -> None:
    async def half(_: web.Request) -> web.StreamResponse:
        return web.Response(body=b'{"type": "BOOKMARK"}\n{"type": "ADD')

    client, found = await serve(half), list[Any]()
    await follow(client, found)
    assert found == [{"type": "BOOKMARK"}]


@pytest.fixture
def in_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a pod has from its kubelet; the token in it is the answer's."""
    (tmp_path / "ca.crt").write_text("some\n")
    (tmp_path / "token").write_text("first")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    return tmp_path


async def test_a_renewed_token_is_sent_with_the_next_request(
    in_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def show(request: web.Request) -> web.StreamResponse:
        sent.append(request.headers.get("Authorization", ""))
        return web.json_response(POD)

    app = web.Application()
    app.router.add_get("/api/v1/pods", show)
    async with TestServer(app) as server:
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(server.port))
        monkeypatch.setattr(aio.Configuration, "__setattr__", _plain_http)
        client = await KubernetesClient.connect(2, Pace(0, lambda: 0.0))
        token = in_cluster / "token"
        for written in ("first", "second", None, "", "third"):
            renew(token, written)
            await client.request("GET", "/api/v1/pods")
        await client.close()
    assert sent == [f"Bearer {word}" for word in ("first", "second", "second", "second", "third")]


def renew(path: Path, token: str | None) -> None:
    """Do as the kubelet does: another file takes the name; None takes the file away."""
    if token is None:
        path.unlink()
        return
    fresh = path.with_name("fresh")
    fresh.write_text(token + "\n" * bool(token))
    fresh.replace(path)


def _plain_http(configuration: aio.Configuration, name: str, value: Any) -> None:
    """The test's server has no certificate."""
    if name == "host":
        value = value.replace("https://", "http://")
    elif name == "ssl_ca_cert":
        value = None
    object.__setattr__(configuration, name, value)
