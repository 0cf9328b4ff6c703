from typing import Any, Literal

from cms_service.content_types.fields.base import BaseField, Context, JsonSchema, Shape, text_of
from cms_service.content_types.fields.patterns import matches
from cms_service.core.ids import is_uuid

MAX_SLUG_LENGTH = 200
_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_IDENTIFIER_PATTERN = r"^([0-9a-f]-?){32}$"


class SlugField(BaseField):
    """A slug is unique within its type: entries are delivered by it."""

    kind: Literal["slug"]

    def accept(self, value: Any, _context: Context) -> str:
        text = text_of(value)
        if len(text) > MAX_SLUG_LENGTH or not matches(_PATTERN, text):
            raise ValueError("must be lower-case letters and digits, joined by single hyphens")
        if is_uuid(text):
            raise ValueError("must not look like an identifier")
        return text

    def json_schema(self, _shape: Shape) -> JsonSchema:
        return {
            "type": "string",
            "maxLength": MAX_SLUG_LENGTH,
            "pattern": _PATTERN,
            "not": {"pattern": _IDENTIFIER_PATTERN},
        }
