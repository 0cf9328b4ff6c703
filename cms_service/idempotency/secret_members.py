"""Passwords in a body: what is kept of a request must not be a quick way to them."""

from typing import get_args

import orjson
from pydantic import BaseModel, SecretStr

from cms_service.core.validation import strict_json


def secret_members(model: object) -> frozenset[str]:
    """Names of those members of a body that are secret."""
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return frozenset()
    fields = model.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if _is_secret(field.annotation))


def _is_secret(annotation: object) -> bool:
    return annotation is SecretStr or any(_is_secret(part) for part in get_args(annotation))


def without(secrets: frozenset[str], body: bytes) -> bytes:
    """The body with a mark in place of each secret; of one that no endpoint takes, nothing."""
    if not secrets:
        return body
    try:
        value = strict_json.loads(body)
    except ValueError:
        return b""
    if not isinstance(value, dict):
        return b""
    marked = {name: name in secrets or item for name, item in value.items()}
    return orjson.dumps(marked, option=orjson.OPT_SORT_KEYS)
