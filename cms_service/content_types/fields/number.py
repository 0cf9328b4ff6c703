from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cms_service.content_types.fields.base import JsonSchema
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.core.validation.exact import Flag
from cms_service.core.validation.strict_json import MAX_NUMBER

Number = Annotated[float, Field(strict=True, ge=-MAX_NUMBER, le=MAX_NUMBER)]


class NumberField(UniqueField):
    kind: Literal["number"]
    integer: Flag = False
    minimum: Number = -MAX_NUMBER
    maximum: Number = MAX_NUMBER
    default: Number | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        return self

    def accept_value(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")  # noqa: TRY004 - all wrong values are ValueError
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be from {self.minimum:.17g} to {self.maximum:.17g}")
        if self.integer and value != int(value):
            raise ValueError("must be a whole number")
        return int(value) if self.integer else value

    def value_schema(self) -> JsonSchema:
        return {
            "type": "integer" if self.integer else "number",
            "minimum": self.minimum,
            "maximum": self.maximum,
        }

    def identity(self, accepted: Any) -> bytes:
        """1 and 1.0 are one number."""
        return super().identity(int(accepted) if accepted == int(accepted) else accepted)
