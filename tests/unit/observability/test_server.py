"""The port that the kubelet and Prometheus ask."""

from collections.abc import AsyncIterator

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
