"""Loaded by schemathesis."""

from typing import Any
from uuid import uuid4

import schemathesis
from schemathesis import Case, HookContext

_TENANT = "acme"


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: dict[str, Any]) -> None:
    """The names of other tenants are tried too, as what is to be refused. Which methods there are
    is told of any.
    """
    for operations in raw_schema["paths"].values():
        for method, operation in operations.items():
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "tenant" and method != "options":
                    parameter["schema"] = {"type": "string", "enum": [_TENANT]}


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _kwargs: dict[str, Any]) -> None:
    headers = case.headers
    if headers is None:
        return
    # With one key for all, each request would be taken for the first one.
    if headers.get("idempotency-key", "") > " ":
        headers["idempotency-key"] = str(uuid4())
    # In what is to be a good header schemathesis tries letters and digits alone.
    if headers.get("if-match") == "0" and _is_good(case):
        headers["if-match"] = '"1"'


def _is_good(case: Case[Any]) -> bool:
    return case.meta is None or case.meta.generation.mode.is_positive
