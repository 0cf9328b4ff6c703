"""The data of Secrets, which the API server keeps in base64."""

import base64
import binascii
import contextlib
import hashlib
from collections.abc import Mapping

import orjson

from cms_operator.api.objects import Object


def encode(values: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}


def decode(secret: Object) -> dict[str, str]:
    """Leaves out what is not text."""
    values = {}
    for key, value in decode_bytes(secret).items():
        with contextlib.suppress(UnicodeDecodeError):
            values[key] = value.decode()
    return values


def decode_bytes(secret: Object) -> dict[str, bytes]:
    """Leaves out what is not base64."""
    values = {}
    for key, text in (secret.get("data") or {}).items():
        with contextlib.suppress(binascii.Error, ValueError):
            values[key] = base64.b64decode(text, validate=True)
    return values


def digest(secret: Object) -> str:
    """Tells one content from another; it is to stay in memory, for a short value is found by it."""
    data = orjson.dumps(secret.get("data"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()
