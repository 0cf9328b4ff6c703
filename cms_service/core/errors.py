"""Errors that a client sees, and their one way into an answer (RFC 9457)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson

PROBLEM_MEDIA_TYPE = "application/problem+json"
OVERTAKEN = "Other writes came in between: try again."


@dataclass(frozen=True)
class FieldError:
    """`pointer` is a JSON pointer (RFC 6901) into the request's body, or the parameter's name."""

    pointer: str
    detail: str


class Problem(Exception):  # noqa: N818 - the RFC's own word
    status = 500
    code = "internal-error"
    title = "Internal error"
    usual_headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        detail: str,
        errors: tuple[FieldError, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.headers = {**self.usual_headers, **(headers or {})}

    @classmethod
    def type_uri(cls) -> str:
        return f"urn:headlesscms:problem:{cls.code}"


class BadRequest(Problem):
    status, code, title = 400, "bad-request", "Bad request"


class Unauthorized(Problem):
    status, code, title = 401, "unauthorized", "Unauthorized"
    usual_headers = MappingProxyType({"WWW-Authenticate": "Bearer"})


class Forbidden(Problem):
    status, code, title = 403, "forbidden", "Forbidden"


class LimitReached(Problem):
    status, code, title = 403, "limit-reached", "Limit reached"


class NotFound(Problem):
    status, code, title = 404, "not-found", "Not found"


class MethodNotAllowed(Problem):
    status, code, title = 405, "method-not-allowed", "Method not allowed"


class RequestTimeout(Problem):
    status, code, title = 408, "request-timeout", "Request timeout"


class Conflict(Problem):
    status, code, title = 409, "conflict", "Conflict"


class PreconditionFailed(Problem):
    status, code, title = 412, "precondition-failed", "Precondition failed"


class ContentTooLarge(Problem):
    status, code, title = 413, "content-too-large", "Content too large"


class UnsupportedMediaType(Problem):
    status, code, title = 415, "unsupported-media-type", "Unsupported media type"


class Misdirected(Problem):
    status, code, title = 421, "misdirected-request", "Misdirected request"


class Invalid(Problem):
    status, code, title = 422, "invalid", "Invalid content"


class TooManyRequests(Problem):
    status, code, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, detail: str, retry_after_seconds: float) -> None:
        seconds = max(1, math.ceil(retry_after_seconds))
        super().__init__(detail, headers={"Retry-After": str(seconds)})


class Unavailable(Problem):
    status, code, title = 503, "unavailable", "Service unavailable"
    usual_headers = MappingProxyType({"Retry-After": "1"})


class TookTooLong(Unavailable):
    """Another try would take as long."""

    code, title = "took-too-long", "Took too long"
    usual_headers = MappingProxyType({})


def user_gone() -> Unauthorized:
    """The user was deleted after their token had been checked."""
    return Unauthorized("The token's user does not exist any more.")


def problem_body(problem: Problem, request_id: str) -> bytes:
    document: dict[str, object] = {
        "type": problem.type_uri(),
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "requestId": request_id,
    }
    if problem.errors:
        document["errors"] = [
            {"pointer": error.pointer, "detail": error.detail} for error in problem.errors
        ]
    return orjson.dumps(document)
