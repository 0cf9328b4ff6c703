from typing import Any, Literal

import orjson

from cms_service.content_types.fields.base import BaseField, Context, JsonSchema, Shape

_MAX_BYTES = 64 * 1024
_MAX_DEPTH = 16


class JsonField(BaseField):
    kind: Literal["json"]

    def accept(self, value: Any, _context: Context) -> Any:
        if _is_deeper(value, _MAX_DEPTH):
            raise ValueError(f"must be nested at most {_MAX_DEPTH} levels")
        if len(orjson.dumps(value)) > _MAX_BYTES:
            raise ValueError(f"must have at most {_MAX_BYTES} bytes")
        return value

    def json_schema(self, _shape: Shape) -> JsonSchema:
        return {}


def _is_deeper(value: Any, levels: int) -> bool:
    """Never looks further than so many levels."""
    if not isinstance(value, dict | list):
        return False
    members = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(member, levels - 1) for member in members)
