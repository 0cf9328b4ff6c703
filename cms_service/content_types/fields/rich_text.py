from typing import Any, Literal

from cms_service.content_types.fields import rich_text_document
from cms_service.content_types.fields.base import JsonSchema
from cms_service.content_types.fields.scalar import LocalisableField


class RichTextField(LocalisableField):
    kind: Literal["richtext"]

    def accept_value(self, value: Any) -> Any:
        rich_text_document.check(value)
        return value

    def value_schema(self) -> JsonSchema:
        return rich_text_document.SCHEMA
