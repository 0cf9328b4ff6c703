"""The contract of log fields, and lines held against it."""

import json
from collections.abc import Iterable
from typing import Any

import jsonschema

from tests.support.charts import REPOSITORY

SCHEMA: dict[str, Any] = json.loads((REPOSITORY / "docs" / "logs.schema.json").read_text())

_VALIDATOR = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def read(lines: Iterable[str]) -> list[dict[str, Any]]:
    """Raises AssertionError for what the contract does not know."""
    found = []
    for text in lines:
        line = json.loads(text)
        errors = [error.message for error in _VALIDATOR.iter_errors(line)]
        assert not errors, f"{errors}: {text}"
        found.append(line)
    return found
