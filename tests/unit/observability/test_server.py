"""The port that the kubelet and Prometheus ask."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from cms_operator.observability import server
from cms_operator.observability.fleet import Fleet
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


async def test_a_scraper_that_hangs_up_leaves_no_traceback(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    gone = asyncio.Event()

    def fleet() -> Iterator[dict[str, Any]]:
        for number in range(1000):
            gone.set()
            yield shop(name=f"shop-{number}")

    runner = await server.serve(unused_tcp_port, lambda: True, lambda: True, lambda: Fleet(fleet()))
    _, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await gone.wait()
    writer.transport.abort()
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{unused_tcp_port}/metrics")
        assert await answer.read()
    await runner.cleanup()
    assert [found for found in caplog.records if found.levelno >= logging.WARNING] == []


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
