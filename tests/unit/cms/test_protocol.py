"""A connection is held only for whom it serves, and nothing of a request is kept without bound."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvicorn
import uvloop
from uvicorn.server import ServerState

from cms_service.core.http.asgi import Receive, Scope, Send, send_response
from cms_service.core.http.protocol import MAX_HEAD_BYTES, MAX_WAITING, BoundedProtocol
from cms_service.core.http.unread import Room

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_TRICKLE_SECONDS = 0.05
KEEP_ALIVE_SECONDS = 1


# More than the kernel takes for a client that reads nothing.
LARGE = 64 * 1024 * 1024


class Impatient(BoundedProtocol):
    arrival_seconds = 0.3
    unread_seconds = 0.3


class Roomless(BoundedProtocol):
    """Half of what two large answers take."""

    unread_room = Room(LARGE)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    answer = b"answer"
    if scope["path"] == "/slow":
        await asyncio.sleep(Impatient.arrival_seconds + KEEP_ALIVE_SECONDS)
    elif scope["path"] == "/large":
        answer = bytes(LARGE)
    elif scope["path"] == "/headers":
        while (await receive())["more_body"]:
            pass
        answer = b";".join(name for name, _ in scope["headers"]) + b" answer"
    await send_response(send, 200, [], answer)


Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def serving(
    state: ServerState,
    keep_alive: int = KEEP_ALIVE_SECONDS,
    protocol: type[BoundedProtocol] = Impatient,
) -> AsyncIterator[tuple[str, int]]:
    """Its address."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_keep_alive=keep_alive)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: protocol(config, state, {}), "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        yield server.sockets[0].getsockname()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with serving(ServerState()) as address:
        reader, writer = await asyncio.open_connection(*address)
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


async def be_answered_before_the_body(client: Client, behind: bytes = b"") -> None:
    client[1].write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
    await client[0].readuntil(b"answer")
    client[1].write(b"{}" + behind)


async def test_a_body_that_comes_after_its_answer_leaves_nobody_to_wait_for(
    client: Client,
) -> None:
    await be_answered_before_the_body(client)
    assert await client[0].read() == b""


async def test_a_connection_idles_as_long_whether_or_not_a_body_came_after_its_answer() -> None:
    """A proxy sends the next request into it, which must not meet its end."""
    async with serving(ServerState(), keep_alive=25) as address:
        reader, writer = client = await asyncio.open_connection(*address)
        await be_answered_before_the_body(client)
        await asyncio.sleep(Impatient.arrival_seconds * 3)
        writer.write(REQUEST)
        assert await reader.readuntil(b"answer")
        writer.close()


async def test_a_request_right_behind_a_body_that_came_late_has_its_time(client: Client) -> None:
    await be_answered_before_the_body(client, REQUEST.replace(b"/ ", b"/slow "))
    assert await client[0].readuntil(b"answer")


async def test_a_head_right_behind_a_body_that_came_late_is_not_waited_for(
    client: Client,
) -> None:
    await be_answered_before_the_body(client, REQUEST.removesuffix(b"\r\n"))
    await trickle(client, b"X-More: header\r\n")


@pytest.mark.parametrize("is_late", [False, True])
async def test_blank_lines_do_not_keep_a_connection(client: Client, *, is_late: bool) -> None:
    if is_late:
        await be_answered_before_the_body(client)
    else:
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


CHUNKED = b"POST /headers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_trailers_are_no_headers_of_this_request_nor_of_the_next(client: Client) -> None:
    trailers = b"Host: evil\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n"
    client[1].write((CHUNKED + b"1\r\na\r\n0\r\n" + trailers) * 2)
    for _ in range(2):
        answer = await client[0].readuntil(b" answer")
        assert answer.endswith(b"\r\n\r\nhost;transfer-encoding answer")


@pytest.mark.parametrize(
    "endless", [b"aaa:bbb\r\n", b"a" * 1000, b"a:" + b"b" * 1000], ids=["many", "name", "value"]
)
async def test_trailers_without_end_are_refused(client: Client, endless: bytes) -> None:
    reader, writer = client
    writer.write(CHUNKED + b"0\r\n")
    for _ in range(MAX_HEAD_BYTES // len(endless) + 1):
        writer.write(endless)
        await writer.drain()
    assert b"line and headers are too long" in await reader.read()


async def test_a_body_may_come_in_ever_so_small_chunks(client: Client) -> None:
    client[1].write(CHUNKED)
    for _ in range(2 * MAX_HEAD_BYTES // 600):
        client[1].write(b"1\r\na\r\n" * 100)
        await asyncio.sleep(0)
    client[1].write(b"0\r\n\r\n")
    assert (await client[0].readuntil(b"answer")).startswith(b"HTTP/1.1 200")


async def test_as_many_requests_may_wait_as_are_answered_in_turn(client: Client) -> None:
    client[1].write(REQUEST * (MAX_WAITING + 1))
    for _ in range(MAX_WAITING + 1):
        await client[0].readuntil(b"answer")


async def test_more_requests_than_may_wait_are_refused(client: Client) -> None:
    client[1].write(REQUEST * 1000)
    head, _, body = (await client[0].read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert f"More than {MAX_WAITING} requests" in json.loads(body)["detail"]


async def given_up(state: ServerState) -> None:
    while state.connections:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.05)


async def connected(address: tuple[str, int]) -> socket.socket:
    """A connected socket that reads only when it is told to."""
    connection = socket.socket()
    connection.setblocking(False)  # noqa: FBT003 - as it is called
    await asyncio.get_running_loop().sock_connect(connection, address)
    return connection


def on_uvloop(scenario: Callable[[ServerState, socket.socket], Awaitable[None]]) -> None:
    """Run on the loop of a pod: what a transport does about its end differs from loop to loop."""

    async def run() -> None:
        state = ServerState()
        async with serving(state) as address:
            with await connected(address) as connection:
                await scenario(state, connection)

    uvloop.run(run())


LARGE_REQUEST = REQUEST.replace(b"/ ", b"/large ")


@pytest.mark.parametrize(
    "request_",
    [
        LARGE_REQUEST,
        LARGE_REQUEST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        LARGE_REQUEST + REQUEST,  # which waits for the first one's answer to be taken
        LARGE_REQUEST + b"no HTTP\r\n\r\n",
    ],
    ids=["one", "the last", "two", "one and a bad one"],
)
@pytest.mark.parametrize("ends", [False, True])
def test_who_takes_nothing_of_an_answer_is_given_up(request_: bytes, *, ends: bool) -> None:
    async def scenario(state: ServerState, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, request_)
        while not state.connections:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        if ends:
            await asyncio.sleep(_TRICKLE_SECONDS)
            connection.shutdown(socket.SHUT_WR)
        await given_up(state)

    on_uvloop(scenario)


def test_who_takes_an_answer_slowly_gets_all_of_it() -> None:
    """Long after the connection was closed for being idle."""

    async def scenario(state: ServerState, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, LARGE_REQUEST)
        taken, started = 0, loop.time()
        while part := await loop.sock_recv(connection, LARGE // 40):
            taken += len(part)
            await asyncio.sleep(_TRICKLE_SECONDS)
        assert taken > LARGE
        assert loop.time() - started > 3 * Impatient.unread_seconds
        await given_up(state)

    on_uvloop(scenario)


def test_answers_that_nobody_takes_have_bounded_room_together() -> None:
    """Ten thousand connections may ask for megabytes each, and take nothing for half a minute."""

    async def run() -> None:
        state = ServerState()
        async with serving(state, keep_alive=75, protocol=Roomless) as address:
            loop = asyncio.get_running_loop()
            hoarders = [await connected(address) for _ in range(4)]
            for hoarder in hoarders:
                await loop.sock_sendall(hoarder, LARGE_REQUEST)
            while state.total_requests < len(hoarders):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            while len(state.connections) > 1:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection(*address)
            writer.write(REQUEST)
            assert (await reader.readuntil(b"answer")).startswith(b"HTTP/1.1 200")
            writer.close()
            for hoarder in hoarders:
                hoarder.close()

    uvloop.run(run())
