"""Rules that a plain schema cannot say: once in CEL for the API server, once in Python for us.

Both halves stand side by side, and the tests try every bad input against both.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

FailureReason = Literal[
    "FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"
]


@dataclass(frozen=True, slots=True)
class Rule:
    """Stands in a model's `rules`, or as an annotation of a single value."""

    cel: str
    message: str
    holds: Callable[[Any], bool]
    field: str = ""  # of the model that has the rule, when one field is to blame
    reason: FailureReason = "FieldValueInvalid"

    def check(self, value: Any) -> Any:
        if not self.holds(value):
            raise PydanticCustomError("rule", "{message}", self._context())
        return value

    def _context(self) -> dict[str, Any]:
        return {"message": self.message, "field": self.field}

    def as_schema(self) -> dict[str, str]:
        schema = {"rule": self.cel, "message": self.message}
        if self.field:
            schema["fieldPath"] = f".{self.field}"
        if self.reason != "FieldValueInvalid":
            schema["reason"] = self.reason
        return schema

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        result = handler(schema)
        result.setdefault("x-kubernetes-validations", []).append(self.as_schema())
        return result


def matches(pattern: str, message: str) -> Rule:
    """A pattern whose failure is explained in words; `pattern=` alone shows the expression."""
    compiled = re.compile(pattern)
    return Rule(
        cel=f"self.matches(r'{pattern}')",
        message=message,
        holds=lambda value: compiled.fullmatch(value) is not None,
    )


def only_one_of(*fields: str) -> Rule:
    """Exactly one of the fields, given as YAML spells them, is set."""
    given = ", ".join(f"has(self.{field})" for field in fields)
    names = [to_snake(field) for field in fields]
    return Rule(
        cel=f"[{given}].exists_one(given, given)",
        message=f"exactly one of {', '.join(fields[:-1])} and {fields[-1]} must be set",
        holds=lambda model: sum(getattr(model, name) is not None for name in names) == 1,
    )


@dataclass(frozen=True, slots=True)
class ListMap:
    """A list whose items are told apart by one field, so that server-side apply merges them."""

    key: str
    attribute: str = ""  # when Python spells the key otherwise

    def _check(self, items: Iterable[Any]) -> Any:
        seen: set[Any] = set()
        for item in items:
            value = getattr(item, self.attribute or self.key)
            if value in seen:
                raise PydanticCustomError(
                    "duplicate",
                    '{key} "{value}" is there more than once',
                    {"key": self.key, "value": value},
                )
            seen.add(value)
        return items

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        result = handler(schema)
        result["x-kubernetes-list-type"] = "map"
        result["x-kubernetes-list-map-keys"] = [self.key]
        return result
