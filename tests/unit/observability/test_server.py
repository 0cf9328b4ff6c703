"""The port that the kubelet and Prometheus ask."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from cms_operator.observability import server
from cms_operator.observability.fleet import Fleet
from tests.support.ports import loopbacks
from tests.unit.observability.scraping import scrape, shop

READY: set[str] = set()


@pytest.fixture
async def port(unused_tcp_port: int) -> AsyncIterator[str]:
    READY.clear()
    runner = await server.serve(
        unused_tcp_port, lambda: True, lambda: bool(READY), lambda: Fleet([shop()])
    )
    yield f"http://127.0.0.1:{unused_tcp_port}"
    await runner.cleanup()


async def hang_up_once(started: asyncio.Event, port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await started.wait()
    writer.transport.abort()


async def answers(port: int) -> bool:
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{port}/metrics")
        return bool(await answer.read())


def troubles(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [found for found in caplog.records if found.levelno >= logging.WARNING]


async def test_a_scraper_that_hangs_up_leaves_no_traceback(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    begun = asyncio.Event()

    def fleet() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            begun.set()
            yield shop(name=f"shop-{number}")

    runner = await server.serve(unused_tcp_port, lambda: True, lambda: True, lambda: Fleet(fleet()))
    await hang_up_once(begun, unused_tcp_port)
    assert await answers(unused_tcp_port)
    await runner.cleanup()
    assert troubles(caplog) == []


async def test_nor_does_one_that_hangs_up_while_its_token_is_looked_at(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    asked, looked_at = asyncio.Event(), asyncio.Event()

    @web.middleware
    async def gate(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked.set()
        while not looked_at.is_set() and request.transport and not request.transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        looked_at.set()
        return await handler(request)

    runner = await server.serve(
        unused_tcp_port, lambda: True, lambda: True, lambda: Fleet([]), [gate]
    )
    await hang_up_once(asked, unused_tcp_port)
    await looked_at.wait()
    assert await answers(unused_tcp_port)
    await runner.cleanup()
    assert troubles(caplog) == []


@pytest.mark.usefixtures("port")
async def test_it_listens_on_the_addresses_of_both_families(unused_tcp_port: int) -> None:
    """The kubelet asks the pod's first address, which may be of either."""
    for address in loopbacks():
        _, writer = await asyncio.open_connection(address, unused_tcp_port)
        writer.close()
        await writer.wait_closed()


async def test_health_says_what_it_is_told(port: str) -> None:
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{port}/healthz")).status == 200
        assert (await session.get(f"{port}/readyz")).status == 503
        READY.add("now")
        assert (await session.get(f"{port}/readyz")).status == 200


@pytest.mark.parametrize(
    ("query", "there", "missing"),
    [
        ("", {"hcms_operator_queue_depth", "hcms_info", "process_start_time_seconds"}, set()),
        ("?name[]=hcms_info", {"hcms_info"}, {"hcms_operator_queue_depth"}),
        ("?name[]=hcms_operator_queue_depth", {"hcms_operator_queue_depth"}, {"hcms_info"}),
    ],
)
async def test_metrics_are_those_of_the_operator_and_of_the_fleet(
    port: str, query: str, there: set[str], missing: set[str]
) -> None:
    async with aiohttp.ClientSession() as session:
        response = await session.get(f"{port}/metrics{query}")
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        found = set(scrape(await response.read()))
    assert there <= found
    assert not missing & found
