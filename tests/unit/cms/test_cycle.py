"""An answer goes out as it was meant, in one piece, or not at all."""

import asyncio
import logging
from collections.abc import Iterable, Sequence

import pytest
from uvicorn.protocols.http.flow_control import FlowControl

from cms_service.core.cycle import Cycle, Message

Headers = Sequence[tuple[bytes, bytes]]


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.sent.append(b"".join(list_of_data))

    def close(self) -> None:
        self.closed = True


class Exchange:
    def __init__(self, method: str = "GET", *, keep_alive: bool = True) -> None:
        self.wire = Wire()
        self.completed = 0
        logger = logging.getLogger("test")
        self.cycle = Cycle(
            scope={"type": "http", "method": method},  # type: ignore[typeddict-item]
            transport=self.wire,
            flow=FlowControl(self.wire),
            logger=logger,
            access_logger=logger,
            access_log=False,
            default_headers=[(b"date", b"today")],
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=keep_alive,
            on_response=self._note,
        )

    def _note(self) -> None:
        self.completed += 1

    async def start(self, headers: Headers = (), status: int = 200) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, body: bytes = b"", *, more: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": body, "more_body": more})

    async def _send(self, message: Message) -> None:
        await self.cycle.send(message)


async def test_head_and_body_are_one_packet() -> None:
    exchange = Exchange()
    await exchange.start([(b"content-length", b"4"), (b"x-more", b"")])
    assert exchange.wire.sent == []
    await exchange.body(b"body")
    head = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 4\r\nx-more: \r\n\r\n"
    assert exchange.wire.sent == [head + b"body"]
    assert exchange.completed == 1
    assert not exchange.wire.closed


async def test_a_body_of_unknown_length_goes_in_chunks() -> None:
    exchange = Exchange()
    await exchange.start()
    await exchange.body(b"first", more=True)
    await exchange.body(more=True)
    await exchange.body(b"last")
    head, _, rest = b"".join(exchange.wire.sent).partition(b"\r\n\r\n")
    assert head.endswith(b"transfer-encoding: chunked")
    assert rest == b"5\r\nfirst\r\n4\r\nlast\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [
        ("HEAD", 200, [(b"content-length", b"4")]),
        ("HEAD", 200, []),
        ("GET", 304, []),
        ("GET", 204, []),
    ],
)
async def test_an_answer_without_a_body_is_its_head(
    method: str, status: int, headers: Headers
) -> None:
    exchange = Exchange(method)
    await exchange.start(headers, status)
    await exchange.body(b"body" if method == "HEAD" else b"")
    (sent,) = exchange.wire.sent
    assert sent.endswith(b"\r\n\r\n")
    assert b"chunked" not in sent
    assert exchange.completed == 1


@pytest.mark.parametrize(
    ("keep_alive", "headers"), [(False, []), (True, [(b"connection", b"close")])]
)
async def test_who_is_told_that_the_connection_ends_sees_it_end(
    *, keep_alive: bool, headers: Headers
) -> None:
    exchange = Exchange(keep_alive=keep_alive)
    await exchange.start([*headers, (b"content-length", b"0")])
    await exchange.body()
    assert exchange.wire.sent[0].count(b"connection: close\r\n") == 1
    assert exchange.wire.closed


@pytest.mark.parametrize(
    "value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\r\n\r\n<p>", b"a\0b", b"\x7f"]
)
@pytest.mark.parametrize("place", ["name", "value"])
async def test_a_header_cannot_become_two(value: bytes, place: str) -> None:
    exchange = Exchange()
    header = (value, b"x") if place == "name" else (b"x", value)
    with pytest.raises(RuntimeError):
        await exchange.start([header, (b"content-length", b"0")])
    assert exchange.wire.sent == []


@pytest.mark.parametrize("body", [b"long", b"lo"])
async def test_a_body_of_another_length_is_a_defect(body: bytes) -> None:
    exchange = Exchange()
    await exchange.start([(b"content-length", b"3")])
    with pytest.raises(RuntimeError):
        await exchange.body(body)
    assert not exchange.completed


async def test_messages_out_of_order_are_a_defect() -> None:
    exchange = Exchange()
    with pytest.raises(RuntimeError):
        await exchange.body()
    await exchange.start([(b"content-length", b"0")])
    with pytest.raises(RuntimeError):
        await exchange.start()
    await exchange.body()
    with pytest.raises(RuntimeError):
        await exchange.body()


async def test_nothing_is_sent_to_who_has_left() -> None:
    exchange = Exchange()
    exchange.cycle.disconnected = True
    await exchange.start()
    await exchange.body()
    assert exchange.wire.sent == []
