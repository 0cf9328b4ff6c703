"""E-mail addresses and URLs."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from cms_service.content_types.fields.base import JsonSchema, text_of
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.core.validation.email import EMAIL_PATTERN, MAX_EMAIL_LENGTH

MAX_URL_LENGTH = 2048
# No control characters, white space or backslashes: browsers drop or bend them.
NOT_IN_URLS = r"\u0000-\u0020\u005c\u007f-\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff"
URL_CHARACTER = rf"[^{NOT_IN_URLS}]"
_URL_PATTERN = rf"^[hH][tT][tT][pP][sS]?://{URL_CHARACTER}+$"

_EMAIL: JsonSchema = {"type": "string", "maxLength": MAX_EMAIL_LENGTH, "pattern": EMAIL_PATTERN}
_URL: JsonSchema = {"type": "string", "maxLength": MAX_URL_LENGTH, "pattern": _URL_PATTERN}


class EmailField(UniqueField):
    kind: Literal["email"]
    default: Annotated[str, Field(json_schema_extra=_EMAIL)] | None = None

    def accept_value(self, value: Any) -> str:
        text = text_of(value)
        if len(text) > MAX_EMAIL_LENGTH or re.fullmatch(EMAIL_PATTERN[1:-1], text) is None:
            raise ValueError("must be an e-mail address")
        return text

    def value_schema(self) -> JsonSchema:
        return dict(_EMAIL)

    def identity(self, accepted: Any) -> bytes:
        """Nobody gives the same address twice in other letters."""
        return super().identity(accepted.lower())


class UrlField(UniqueField):
    """The address is absolute, http or https."""

    kind: Literal["url"]
    default: Annotated[str, Field(json_schema_extra=_URL)] | None = None

    def accept_value(self, value: Any) -> str:
        text = text_of(value)
        if len(text) > MAX_URL_LENGTH or not _is_url(text):
            raise ValueError("must be a URL like https://example.com/path")
        return text

    def value_schema(self) -> JsonSchema:
        return dict(_URL)


def _is_url(text: str) -> bool:
    if re.fullmatch(_URL_PATTERN[1:-1], text) is None:
        return False
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
