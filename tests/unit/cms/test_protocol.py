"""A connection is held only for whom it serves."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import uvicorn
from uvicorn.server import ServerState

from cms_service.core.http import Receive, Scope, Send, send_response
from cms_service.core.protocol import BoundedProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_TRICKLE_SECONDS = 0.05


class Impatient(BoundedProtocol):
    arrival_seconds = 0.3


async def app(scope: Scope, _receive: Receive, send: Send) -> None:
    if scope["path"] == "/slow":
        await asyncio.sleep(Impatient.arrival_seconds * 3)
    await send_response(send, 200, [], b"answer")


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    config = uvicorn.Config(app, log_config=None, lifespan="off")
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Impatient(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    async with server, asyncio.timeout(30):
        yield reader, writer
        writer.close()


async def trickle(client: Client, drop: bytes) -> None:
    """Until the server has closed the connection."""
    reader, writer = client
    ended = asyncio.create_task(reader.read())
    while not ended.done():
        writer.write(drop)
        await asyncio.sleep(_TRICKLE_SECONDS)
    if ended.exception() is None:
        assert ended.result() == b""


async def test_who_never_asks_is_left(client: Client) -> None:
    assert await client[0].read() == b""


async def test_a_head_that_never_ends_is_not_waited_for(client: Client) -> None:
    client[1].write(REQUEST.removesuffix(b"\r\n"))
    await trickle(client, b"X-More: header\r\n")


@pytest.mark.parametrize("method", [b"GET", b"POST"])
async def test_a_body_that_nobody_reads_is_not_waited_for(client: Client, method: bytes) -> None:
    client[1].write(method + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
    assert (await client[0].readuntil(b"answer")).startswith(b"HTTP/1.1 200")
    await trickle(client, b"x")


async def test_blank_lines_do_not_keep_a_connection(client: Client) -> None:
    client[1].write(REQUEST)
    await client[0].readuntil(b"answer")
    await trickle(client, b"\r\n")


async def test_an_answer_that_takes_long_comes(client: Client) -> None:
    for _ in range(2):
        client[1].write(REQUEST.replace(b"/ ", b"/slow "))
        assert await client[0].readuntil(b"answer")


@pytest.mark.parametrize(
    "request_", [b"GET / HTTP/1.0\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"]
)
async def test_what_names_its_host_as_it_should_is_answered(
    client: Client, request_: bytes
) -> None:
    client[1].write(request_)
    assert (await client[0].readuntil(b"answer")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01 hello\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET http://y/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_what_is_no_http_or_names_no_host_or_two_gets_a_problem(
    client: Client, request_: bytes
) -> None:
    client[1].write(request_)
    head, _, body = (await client[0].read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    problem = json.loads(body)
    assert problem["status"] == 400
    assert f"x-request-id: {problem['requestId']}".encode() in head
