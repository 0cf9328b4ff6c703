"""What the operator's log tells, and to whom a line belongs."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncGenerator

import pytest
import uvloop

from cms_operator.observability import logs


def record(message: str) -> logging.LogRecord:
    return logging.LogRecord("operator", logging.WARNING, __file__, 1, message, None, None)


def test_a_log_line_is_json_and_tells_whom_it_is_about() -> None:
    logs.subject.set(("team-a", "shop"))
    logs.reconcile_id.set("12ab")
    line = json.loads(logs.JsonFormatter().format(record('two\nlines and "quotes"')))
    assert line["level"] == "warning"
    assert (line["namespace"], line["name"]) == ("team-a", "shop")
    assert line["reconcileId"] == "12ab"
    assert line["message"] == 'two\nlines and "quotes"'


def test_what_a_terminal_would_obey_is_written_as_a_number() -> None:
    message = "red\x9b31m, new\x85line, \u2028 and \u00fcmlaut"
    text = logs.JsonFormatter().format(record(message))
    assert json.loads(text)["message"] == message
    assert text.splitlines() == [text]
    assert "\x9b" not in text
    assert "\u00fc" in text


def test_an_exception_stays_in_the_one_line() -> None:
    failed = record("unexpected")
    try:
        json.loads("{")
    except ValueError:
        failed.exc_info = sys.exc_info()
    text = logs.JsonFormatter().format(failed)
    assert "\n" not in text
    assert "JSONDecodeError" in json.loads(text)["exception"]


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
        asyncio.get_running_loop().set_exception_handler(logs.loop_failure)
        await anext(left_open)

    with caplog.at_level(logging.DEBUG):
        uvloop.run(serve())
    (told,) = [found for found in caplog.records if "asynchronous generator" in found.message]
    assert (told.levelname, told.exc_info) == ("DEBUG", None)


def test_a_connection_that_was_broken_off_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    closed = RuntimeError("unable to perform operation on <TCPTransport>; the handler is closed")
    loop = asyncio.new_event_loop()
    context = {"message": "Fatal error on SSL protocol", "exception": closed}
    with caplog.at_level(logging.DEBUG):
        logs.loop_failure(loop, context)
    loop.close()
    assert [(found.levelname, found.exc_info) for found in caplog.records] == [("DEBUG", None)]


def test_any_other_failure_that_no_task_hears_of_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.loop_failure)
        loop.call_soon(lambda: 1 / 0)
        await asyncio.sleep(0)

    uvloop.run(serve())
    assert [found.levelname for found in caplog.records] == ["ERROR"]
