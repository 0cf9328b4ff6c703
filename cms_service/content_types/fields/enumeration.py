from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cms_service.content_types.fields.base import JsonSchema
from cms_service.content_types.fields.scalar import ScalarField

_SHOWN_LENGTH = 500

_Value = Annotated[str, Field(min_length=1, max_length=100)]


class EnumerationField(ScalarField):
    kind: Literal["enumeration"]
    values: Annotated[tuple[_Value, ...], Field(min_length=1, max_length=200)]
    default: _Value | None = None

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise ValueError("a value is listed twice")
        return self

    def accept_value(self, value: Any) -> str:
        if value not in self.values:
            raise ValueError(f"must be one of {', '.join(self.values)}"[:_SHOWN_LENGTH])
        return str(value)

    def value_schema(self) -> JsonSchema:
        return {"type": "string", "enum": list(self.values)}
