"""A line of the CMS's log is one line, whatever a request has put into it."""

import json
import logging

from cms_service.core.telemetry.logging import JsonFormatter


def test_what_a_terminal_would_obey_is_written_as_a_number() -> None:
    path = "/v1/red\x9b31m/new\x85line/\u2028/\u00fcmlaut"
    record = logging.makeLogRecord({"msg": "request", "path": path})
    text = JsonFormatter({}).format(record)
    assert json.loads(text)["path"] == path
    assert text.splitlines() == [text]
    assert "\x9b" not in text
    assert "\u00fc" in text
