"""What the operator shows of itself."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator

import aiohttp
import pytest
import uvloop

from cms_operator import observability as show


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/api/v1/namespaces/team-a/secrets/source", "secrets"),
        ("/api/v1/secrets", "secrets"),
        ("/apis/apps/v1/namespaces/team-a/deployments", "deployments"),
        ("/apis/headlesscms.io/v1alpha1/namespaces/a/headlesscmses/b/status", "headlesscmses"),
        ("/api/v1/namespaces", "namespaces"),
        ("/api", ""),
    ],
)
def test_a_metric_names_the_kind_and_never_the_object(path: str, resource: str) -> None:
    assert show.resource_of(path) == resource


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("operator", logging.WARNING, __file__, 1, message, None, None)


def test_a_log_line_is_json_and_tells_whom_it_is_about() -> None:
    show.object_name.set("team-a/shop")
    show.reconcile_id.set("12ab")
    line = json.loads(show.JsonFormatter().format(record('two\nlines and "quotes"')))
    assert line["level"] == "warning"
    assert (line["object"], line["reconcile_id"]) == ("team-a/shop", "12ab")
    assert line["message"] == 'two\nlines and "quotes"'


def test_an_exception_stays_in_the_one_line() -> None:
    failed = record("unexpected")
    try:
        json.loads("{")
    except ValueError:
        failed.exc_info = sys.exc_info()
    text = show.JsonFormatter().format(failed)
    assert "\n" not in text
    assert "JSONDecodeError" in json.loads(text)["exception"]


async def test_health_says_what_it_is_told_and_metrics_are_served(unused_tcp_port: int) -> None:
    ready = False
    runner = await show.serve(unused_tcp_port, lambda: True, lambda: ready)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    async with aiohttp.ClientSession() as session:
        assert (await session.get(f"{address}/healthz")).status == 200
        assert (await session.get(f"{address}/readyz")).status == 503
        ready = True
        assert (await session.get(f"{address}/readyz")).status == 200
        show.api_request("GET", "/api/v1/secrets", 200, 0.1)
        text = await (await session.get(f"{address}/metrics")).text()
    await runner.cleanup()
    assert 'hcms_operator_api_requests_total{code="200",method="GET",resource="secrets"}' in text


async def will_not_close() -> AsyncGenerator[int, None]:
    try:
        yield 1
    finally:
        yield 2


def test_a_watch_that_does_not_close_at_the_end_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left_open = will_not_close()

    async def serve() -> None:
        asyncio.get_running_loop().set_exception_handler(show.loop_failure)
        await anext(left_open)

    with caplog.at_level(logging.DEBUG):
        uvloop.run(serve())
    (told,) = [found for found in caplog.records if "asynchronous generator" in found.message]
    assert (told.levelname, told.exc_info) == ("DEBUG", None)


def test_any_other_failure_that_no_task_hears_of_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(show.loop_failure)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    uvloop.run(serve())
    assert [found.levelname for found in caplog.records] == ["ERROR"]
