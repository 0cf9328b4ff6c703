"""References to other entries, stored as their identifiers. Whether there is such an entry is
known to the database alone.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cms_service.content_types.fields.base import (
    BaseField,
    Context,
    JsonSchema,
    RefusedValue,
    errors_at,
    pointer,
)
from cms_service.content_types.names import TypeName
from cms_service.core.errors import FieldError

MAX_REFERENCES = 100
_ID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_ID_SCHEMA = {"type": "string", "format": "uuid", "pattern": _ID_PATTERN}


class _ReferringField(BaseField):
    """`types`: what it may refer to."""

    types: Annotated[tuple[TypeName, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _types_differ(self) -> Self:
        if len(set(self.types)) != len(self.types):
            raise ValueError("a type is listed twice")
        return self


class ReferenceField(_ReferringField):
    kind: Literal["reference"]

    def accept(self, value: Any, _context: Context) -> str:
        return _identifier(value)

    def json_schema(self) -> JsonSchema:
        return dict(_ID_SCHEMA)


class ReferencesField(_ReferringField):
    """`minItems` is asked for when an entry is published, as `required` is."""

    kind: Literal["references"]
    min_items: Annotated[int, Field(ge=0, le=MAX_REFERENCES)] = 0
    max_items: Annotated[int, Field(ge=1, le=MAX_REFERENCES)] = MAX_REFERENCES
    unique_items: bool = True

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_items > self.max_items:
            raise ValueError("minItems is above maxItems")
        return self

    def accept(self, value: Any, context: Context) -> list[str]:
        check_items(value, max(self.min_items, self.required), self.max_items, context)
        accepted: list[str] = []
        errors: list[FieldError] = []
        for position, item in enumerate(value):
            try:
                identifier = _identifier(item)
                if self.unique_items and identifier in accepted:
                    raise ValueError("is listed twice")  # noqa: TRY301 - told as the others are
                accepted.append(identifier)
            except ValueError as error:
                errors += errors_at(pointer(position), error)
        if errors:
            raise RefusedValue(errors)
        return accepted

    def json_schema(self) -> JsonSchema:
        return {
            "type": "array",
            "items": dict(_ID_SCHEMA),
            "minItems": max(self.min_items, int(self.required)),
            "maxItems": self.max_items,
            "uniqueItems": self.unique_items,
        }


def check_items(value: Any, minimum: int, maximum: int, context: Context) -> None:
    """Raises ValueError."""
    if not isinstance(value, list):
        raise ValueError("must be a list")  # noqa: TRY004 - a wrong value, whatever its type
    if len(value) > maximum or (context.is_complete and len(value) < minimum):
        raise ValueError(f"must have {minimum} to {maximum} items")


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or re.fullmatch(_ID_PATTERN[1:-1], value) is None:
        raise ValueError("must be the identifier of an entry")
    return value.lower()
