from typing import Any, Literal

from pydantic import StrictBool

from cms_service.content_types.fields.base import JsonSchema
from cms_service.content_types.fields.scalar import ScalarField


class BooleanField(ScalarField):
    kind: Literal["boolean"]
    default: StrictBool | None = None

    def accept_value(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")  # noqa: TRY004 - a wrong value, whatever its type
        return value

    def value_schema(self) -> JsonSchema:
        return {"type": "boolean"}
