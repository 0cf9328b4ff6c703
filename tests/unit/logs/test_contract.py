"""What operator and CMS write is what docs/logs.md promises."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.charts import REPOSITORY
from tests.support.log_lines import SCHEMA, read

PAGE = REPOSITORY / "docs" / "logs.md"
FIELDS = set(SCHEMA["properties"])


def the(lines: list[dict[str, Any]], message: str) -> dict[str, Any]:
    return next(line for line in lines if message in line["message"])


def test_a_failing_reconcile_is_one_line_with_its_traceback(operator_lines: list[str]) -> None:
    failed = the(read(operator_lines), "unexpected failure")
    assert failed["level"] == "error"
    assert (failed["namespace"], failed["name"]) == ("team-a", "shop")
    assert failed["reconcileId"]
    assert failed["exception"].startswith("Traceback")
    assert failed["exception"].endswith("RuntimeError: a defect,\nin two lines")


def test_an_operator_without_its_api_server_says_so(operator_lines: list[str]) -> None:
    assert the(read(operator_lines), "cannot list")["level"] == "warning"


def test_a_request_that_fails_is_two_lines_of_one_id(cms_lines: list[str]) -> None:
    lines = read(cms_lines)
    failed = the(lines, "unexpected error")
    assert failed["exception"].endswith("RuntimeError: a defect,\nin two lines")
    request = next(line for line in lines if line.get("status") == 500)
    assert (request["message"], request["path"]) == ("request", "/defect")
    for field in ("requestId", "traceId", "namespace", "name", "revision"):
        assert request[field] == failed[field]


def test_a_cms_without_its_database_says_so_and_shows_no_password(cms_lines: list[str]) -> None:
    away = the(read(cms_lines), "the database is away")
    assert away["database"] == "primary"
    assert "wonderland" not in "".join(cms_lines)


def extras() -> Iterator[str]:
    """Names of what the CMS's calls of the log add to a line."""
    for path in (REPOSITORY / "cms_service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            for keyword in node.keywords:
                if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict):
                    yield from (ast.literal_eval(key) for key in keyword.value.keys if key)


def test_no_call_of_the_log_adds_what_the_contract_does_not_know() -> None:
    found = set(extras())
    assert {"status", "durationMs", "schemaVersion"} <= found
    assert found <= FIELDS


def test_the_page_lists_the_fields_of_the_schema() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    fields = {name: text for name, of, text in rows if of != "required"}
    assert {name: fields.get(name) for name in FIELDS} == {
        name: found["description"] for name, found in SCHEMA["properties"].items()
    }


@pytest.mark.parametrize(
    "change",
    [
        {"password": "x"},
        {"level": "WARN"},
        {"time": "yesterday"},
        {"spanId": None},
        {"traceId": "1" * 32},
    ],
)
def test_other_lines_are_refused(change: dict[str, Any]) -> None:
    line = {"time": "2026-11-23T12:00:00.5+00:00", "level": "info", "logger": "a", "message": "b"}
    assert read([json.dumps(line)])
    with pytest.raises(AssertionError):
        read([json.dumps({**line, **change})])
