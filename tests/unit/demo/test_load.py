"""The load generator tells the truth, failures above all."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from demo import load

Answer = Callable[[int], bytes | None]


def ok(body: bytes = b"{}", *headers: bytes, status: bytes = b"200 OK") -> bytes:
    head = (b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


class Server:
    """Answers the n-th request with answer(n); None closes the connection instead."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.requests = 0
        self.connections = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                self.requests += 1
                answer = self._answer(self.requests)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self.handle, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/article?a=b"


async def drive(url: str, *options: str, seconds: float = 1.0) -> dict[str, Any]:
    """Run it as the demo does: the script's text handed to another Python."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", load.__loader__.get_source("demo.load"), url,  # type: ignore[union-attr]
        "--rate", "100", "--max-seconds", "60", "--until-stdin-closes", *options,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    await asyncio.sleep(seconds)
    process.stdin.close()
    assert process.stdout is not None
    lines = (await process.stdout.read()).splitlines()
    assert await process.wait() == 0
    report: dict[str, Any] = json.loads(lines[-1])
    assert report["done"] is True
    return report


async def test_every_request_is_counted_once() -> None:
    server = Server(lambda _: ok(b"{}", b"X-HCMS-Revision: r1"))
    async with server.listening() as url:
        report = await drive(url)
    assert report["requests"] == server.requests > 0
    assert report["failures"] == {}
    assert report["revisions"] == {"r1": server.requests}


async def test_every_request_carries_the_headers_that_are_named() -> None:
    server = Server(lambda _: ok())
    async with server.listening() as url:
        await drive(url, "--header=X-HCMS-Revision: candidate", "--header=X-Other: b")
    assert server.heads
    assert all(b"\r\nX-HCMS-Revision: candidate\r\nX-Other: b\r\n\r\n" in h for h in server.heads)


async def test_connections_are_renewed_so_that_new_pods_get_traffic() -> None:
    server = Server(lambda _: ok())
    async with server.listening() as url:
        report = await drive(url, "--requests-per-connection", "5", "--connections", "2")
    assert server.connections >= report["requests"] // 5


async def test_a_connection_that_the_server_wants_closed_is_not_used_again() -> None:
    server = Server(lambda _: ok(b"{}", b"Connection: close"))
    async with server.listening() as url:
        report = await drive(url)
    assert server.connections >= server.requests > 0
    assert report["failures"] == {}


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (ok(status=b"503 Service Unavailable"), "status 503"),
        (None, "IncompleteReadError"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "ValueError"),
        (b"what?\r\nContent-Length: 0\r\n\r\n", "ValueError"),
    ],
)
async def test_one_bad_answer_is_one_failure(wrong: bytes | None, kind: str) -> None:
    server = Server(lambda number: wrong if number == 7 else ok())
    async with server.listening() as url:
        report = await drive(url)
    assert report["failures"] == {kind: 1}
    assert report["requests"] == server.requests


async def test_a_failure_is_put_down_to_the_revision_that_answered_and_lost_without_one() -> None:
    bad = ok(b"{}", b"X-HCMS-Revision: r2", status=b"500 Internal Server Error")
    answers = {3: bad, 5: bad, 7: None, 9: ok(status=b"502 Bad Gateway")}
    server = Server(lambda number: answers.get(number, ok(b"{}", b"X-HCMS-Revision: r1")))
    async with server.listening() as url:
        report = await drive(url)
    assert report["blamed"] == {"r2": 2}
    assert report["lost"] == 2


async def test_an_answer_that_never_comes_is_a_failure() -> None:
    server = Server(lambda number: b"" if number == 1 else ok())
    async with server.listening() as url:
        report = await drive(url, "--timeout-seconds", "0.3")
    assert report["failures"] == {"TimeoutError": 1}


async def test_a_refused_connection_is_a_failure() -> None:
    async with Server(lambda _: ok()).listening() as url:
        pass
    report = await drive(url)
    assert report["requests"] > 0
    assert report["failures"] == {"ConnectionRefusedError": report["requests"]}


def test_percentiles_are_those_of_all_processes_together() -> None:
    total = load.Tally()
    for times in ({1: 90}, {1: 8, 100: 2}):
        part = load.Tally(requests=sum(times.values()))
        part.milliseconds.update(times)
        total.add(part)
    assert (total.percentile(0.5), total.percentile(0.98), total.percentile(0.99)) == (1, 1, 100)
