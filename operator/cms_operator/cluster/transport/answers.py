"""What the API server answers, taken apart: JSON, refusals, the events of a watch."""

import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson

from cms_operator.api.objects import Object
from cms_operator.cluster.transport.api_error import BUSY, ApiError

# What a busy server asks for in Retry-After is 1 s, but a proxy may ask for anything.
LONGEST_PATIENCE_SECONDS = 30.0
# The words are the API server's; what its other messages quote is no webhook's name.
_FORBIDDEN_BY_WEBHOOK = re.compile(r'admission webhook "[^"]*" denied the request')


def decode(response: aiohttp.ClientResponse, data: bytes) -> Any:
    """The decoded body of an answer. Raises ApiError, aiohttp.ClientPayloadError."""
    status = response.status
    if status < 300:  # noqa: PLR2004  - the class of HTTP statuses that mean success
        return _loads(data) if data else None
    patience = _patience(status, response.headers)
    try:
        raise _refused(status, orjson.loads(data), patience)
    except (orjson.JSONDecodeError, AttributeError):
        text = data[:200].decode(errors="replace")
        raise ApiError(status, "", text, patience) from None


def _loads(data: bytes) -> Any:
    """Decode JSON; half an answer is none. Raises aiohttp.ClientPayloadError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise aiohttp.ClientPayloadError(f"the answer is no JSON: {error}") from None


def _patience(status: int, headers: Mapping[str, str]) -> float | None:
    """The seconds in Retry-After. Kubernetes sends no date, which HTTP allows too."""
    asked = headers.get("Retry-After", "")
    if status not in BUSY or not asked.isdecimal():
        return None
    return min(float(asked), LONGEST_PATIENCE_SECONDS)


def _refused(status: int, answer: Object, patience: float | None = None) -> ApiError:
    """What the server's Status object says, as an error.

    A webhook may forbid an object with any status, such as that of a conflict, which it is not.
    """
    message = str(answer.get("message", ""))
    if _FORBIDDEN_BY_WEBHOOK.match(message):
        status = HTTPStatus.FORBIDDEN
    return ApiError(status, str(answer.get("reason", "")), message, patience)


async def events(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """Yield a watch's events until the server closes it; a half-sent last line is dropped.

    Raises ApiError for an event of the type ERROR, aiohttp.ClientError, TimeoutError.
    """
    async for line in _lines(content):
        event: dict[str, Any] = _loads(line)
        if event["type"] == "ERROR":
            raise _refused(event["object"].get("code", 0), event["object"])
        yield event


async def _lines(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines of any length: a bounded reader would need the size of the largest object."""
    begun: list[bytes] = []
    async for chunk in content.iter_any():
        *ended, rest = chunk.split(b"\n")
        for end in ended:
            yield b"".join((*begun, end))
            begun.clear()
        begun.append(rest)
