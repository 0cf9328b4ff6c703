from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from cms_service.content_types.fields import patterns
from cms_service.content_types.fields.base import JsonSchema, text_of
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.core.validation.exact import WHOLE

MAX_TEXT_LENGTH = 100_000


def _supported(pattern: str) -> str:
    patterns.check(pattern)
    return pattern


class TextField(UniqueField):
    """`pattern` may match anywhere in the text unless it is anchored; it knows no look-around
    and no back-references, so that no pattern takes more than its size times a text's length.
    """

    kind: Literal["text"]
    min_length: Annotated[int, Field(ge=0, le=MAX_TEXT_LENGTH), WHOLE] = 0
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT_LENGTH), WHOLE] = 10_000
    # Checked before a default is compared with it.
    pattern: (
        Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_supported)] | None
    ) = None
    default: Annotated[str, Field(max_length=MAX_TEXT_LENGTH)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError("minLength is above maxLength")
        return self

    def accept_value(self, value: Any) -> str:
        text = text_of(value)
        if not self.min_length <= len(text) <= self.max_length:
            raise ValueError(f"must have {self.min_length} to {self.max_length} characters")
        if self.pattern is not None and not patterns.matches(self.pattern, text):
            raise ValueError(f"must match the pattern {self.pattern}")
        return text

    def value_schema(self) -> JsonSchema:
        schema: JsonSchema = {
            "type": "string",
            "minLength": self.min_length,
            "maxLength": self.max_length,
        }
        if self.pattern is not None and patterns.is_portable(self.pattern):
            schema["pattern"] = self.pattern
        return schema
