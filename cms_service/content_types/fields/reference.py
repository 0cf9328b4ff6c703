"""References to other entries, stored as their identifiers. Whether there is such an entry is
known to the database alone.
"""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cms_service.content_types.fields.base import BaseField, Context, JsonSchema, Shape
from cms_service.content_types.fields.listed import accept_items, check_items, least_items
from cms_service.content_types.names import TypeName
from cms_service.core.validation.exact import ID_PATTERN, WHOLE, Flag

MAX_REFERENCES = 100
_ID_SCHEMA = {"type": "string", "format": "uuid", "pattern": ID_PATTERN}


class _ReferringField(BaseField):
    """`types`: what it may refer to."""

    types: Annotated[tuple[TypeName, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _types_differ(self) -> Self:
        if len(set(self.types)) != len(self.types):
            raise ValueError("a type is listed twice")
        return self

    def referred_to(self, shape: Shape, *or_else: JsonSchema) -> JsonSchema:
        """Its identifier, or where it can be expanded, the entry or what stands for none."""
        if shape.delivered is None:
            return dict(_ID_SCHEMA)
        return {"anyOf": [dict(_ID_SCHEMA), *map(shape.delivered, self.types), *or_else]}


class ReferenceField(_ReferringField):
    kind: Literal["reference"]

    def accept(self, value: Any, _context: Context) -> str:
        return _identifier(value)

    def json_schema(self, shape: Shape) -> JsonSchema:
        return self.referred_to(shape, {"type": "null"})


class ReferencesField(_ReferringField):
    """`minItems` is asked for when an entry is published, as `required` is."""

    kind: Literal["references"]
    min_items: Annotated[int, Field(ge=0, le=MAX_REFERENCES), WHOLE] = 0
    max_items: Annotated[int, Field(ge=1, le=MAX_REFERENCES), WHOLE] = MAX_REFERENCES
    unique_items: Flag = True

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_items > self.max_items:
            raise ValueError("minItems is above maxItems")
        return self

    def accept(self, value: Any, context: Context) -> list[str]:
        check_items(value, max(self.min_items, self.required), self.max_items, context)
        seen: set[str] = set()

        def accept_one(item: Any) -> str:
            identifier = _identifier(item)
            if self.unique_items and identifier in seen:
                raise ValueError("is listed twice")
            seen.add(identifier)
            return identifier

        return accept_items(value, accept_one)

    def json_schema(self, shape: Shape) -> JsonSchema:
        return {
            "type": "array",
            "items": self.referred_to(shape),
            "minItems": least_items(self.min_items, shape, required=self.required),
            "maxItems": self.max_items,
            "uniqueItems": self.unique_items,
        }


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or re.fullmatch(ID_PATTERN[1:-1], value) is None:
        raise ValueError("must be the identifier of an entry")
    return value.lower()
