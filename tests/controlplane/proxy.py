"""Between an operator and its API server: passes everything on, and misbehaves as a test asks."""

import asyncio
import base64
import contextlib
import json
import selectors
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web

from tests.support.ports import free_port

VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
# Of one connection to the next hop; they say nothing to the other one.
HOP_BY_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length"}
LONGEST_LINE = 2**22
CALL_SECONDS = 60
T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """One request; `verb` and `resource` are written as in the audit log."""

    method: str
    path: str
    query: str
    body: bytes

    @property
    def is_watch(self) -> bool:
        return parse_qs(self.query).get("watch") in (["true"], ["1"])

    @property
    def is_write(self) -> bool:
        return self.method in VERBS

    @property
    def verb(self) -> str:
        return VERBS.get(self.method, "watch" if self.is_watch else "get")

    @property
    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    @property
    def _parts(self) -> tuple[str, list[str]]:
        words = urlsplit(self.path).path.strip("/").split("/")
        group, rest = ("", words[2:]) if words[0] == "api" else (words[1], words[3:])
        return group, rest[2:] if rest[:1] == ["namespaces"] and len(rest) > 2 else rest

    @property
    def name(self) -> str:
        _, rest = self._parts
        return rest[1] if len(rest) > 1 else self.json.get("metadata", {}).get("name", "")

    @property
    def resource(self) -> str:
        group, rest = self._parts
        return "/".join([group, rest[0], *rest[2:3]])


class CutError(Exception):
    """Ends the connection without an answer, or in the middle of it."""


class HalfError(Exception):
    """Ends the connection in the middle of this answer."""

    def __init__(self, whole: web.Response) -> None:
        super().__init__()
        self.whole = whole


class EndError(Exception):
    """Ends a watch as a server does that has told all, after the bytes `last`."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__()
        self.last = last


@dataclass(frozen=True)
class Answer:
    """What the API server, and not a fault, has said to a call."""

    call: Call
    status: int


Forward = Callable[[], Awaitable[web.StreamResponse]]


class Fault:
    """Passes everything on; what misbehaves changes one of its methods."""

    async def answer(self, call: Call, forward: Forward) -> web.StreamResponse:  # noqa: ARG002
        return await forward()

    def query(self, call: Call) -> Mapping[str, str]:  # noqa: ARG002
        """What the API server is asked beside what the operator asks, or in its place."""
        return {}

    async def event(self, call: Call, line: bytes) -> bytes:  # noqa: ARG002
        """One line of a watch; an empty one is not passed on."""
        return line

    async def end(self) -> None:
        """It behaves again."""


def status_of(status: HTTPStatus, reason: str) -> dict[str, Any]:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "reason": reason,
        "message": f"{reason} on purpose",
        "code": status,
    }


def refusal(status: HTTPStatus, reason: str, retry_after: int = 1) -> web.Response:
    busy = status == HTTPStatus.TOO_MANY_REQUESTS
    headers = {"Retry-After": str(retry_after)} if busy else {}
    return web.json_response(status_of(status, reason), status=status, headers=headers)


class Proxy:
    """Speaks plain HTTP on the loopback, and to the API server with the operator's certificate.

    `kubeconfig` leads to it. It runs on a thread of its own while it is entered. `answers` are
    those of the API server, in their order; that of a watch comes as it begins.
    """

    def __init__(self, upstream: Path, kubeconfig: Path) -> None:
        self._config = json.loads(upstream.read_text())
        self.kubeconfig = kubeconfig
        self.answers: list[Answer] = []
        self._fault = Fault()
        self._sockets = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._sockets)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = free_port()

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        cluster = {"server": f"http://127.0.0.1:{self._port}"}
        config = self._config | {
            "clusters": [{"name": self._config["clusters"][0]["name"], "cluster": cluster}],
            "users": [{"name": self._config["users"][0]["name"], "user": {}}],
        }
        self.kubeconfig.write_text(json.dumps(config))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    @contextlib.contextmanager
    def behaving(self, fault: Fault) -> Iterator[None]:
        """Do what the fault says until the end of the block; what hangs then is cut."""
        self._fault = fault
        try:
            yield
        finally:
            self._fault = Fault()
            self._run(fault.end())
            self.cut()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Nobody listens, until the end of the block."""
        self._run(self._refuse())
        try:
            yield
        finally:
            self._run(self._listen())

    def cut(self) -> None:
        """All connections break off."""
        self._run(self._abort())

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)

    async def _start(self) -> None:
        user, cluster = self._config["users"][0]["user"], self._config["clusters"][0]["cluster"]
        context = ssl.create_default_context(
            cadata=base64.b64decode(cluster["certificate-authority-data"]).decode()
        )
        with tempfile.NamedTemporaryFile() as file:
            for name in ("client-certificate-data", "client-key-data"):
                file.write(base64.b64decode(user[name]) + b"\n")
            file.flush()
            context.load_cert_chain(file.name)
        self._session = aiohttp.ClientSession(
            cluster["server"],
            connector=aiohttp.TCPConnector(ssl=context, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            read_bufsize=LONGEST_LINE,
            auto_decompress=False,
        )
        self._server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        await self._listen()

    async def _listen(self) -> None:
        self._socket = await self._loop.create_server(self._server, "127.0.0.1", self._port)

    async def _refuse(self) -> None:
        self._socket.close()
        await self._abort()

    async def _abort(self) -> None:
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()

    async def _stop(self) -> None:
        await self._refuse()
        await self._server.shutdown(1)
        await self._session.close()
        # TLS says goodbye both ways, which outlasts what closes it. What stays is the loop's own.
        while len(self._sockets.get_map()) > 1:  # noqa: ASYNC110  - nothing tells of their end
            await asyncio.sleep(0.01)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        call = Call(request.method, request.path, request.query_string, await request.read())

        async def forward() -> web.StreamResponse:
            return await self._forward(call, request)

        try:
            return await self._fault.answer(call, forward)
        except HalfError as half:
            return await _send_half(request, half.whole)
        except (CutError, aiohttp.ClientError, ConnectionError):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()

    async def _forward(self, call: Call, request: web.BaseRequest) -> web.StreamResponse:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        url = request.rel_url.update_query(self._fault.query(call))
        async with self._session.request(
            call.method, url, data=call.body or None, headers=headers
        ) as answer:
            self.answers.append(Answer(call, answer.status))
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP_BY_HOP}
            if not call.is_watch or answer.status != HTTPStatus.OK:
                return web.Response(body=await answer.read(), status=answer.status, headers=kept)
            response = web.StreamResponse(headers=kept)
            await response.prepare(request)
            try:
                async for line in self._events(call, answer):
                    await response.write(line)
            except EndError as end:
                await response.write(end.last)
            return response

    async def _events(self, call: Call, answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        async for line in answer.content:
            if passed := await self._fault.event(call, line):
                yield passed


async def _send_half(request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
    body = whole.body if isinstance(whole.body, bytes) else b""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response
