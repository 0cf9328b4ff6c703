"""What each operation answers: its problems, with their bodies, and the headers of all. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cms_service.core.endpoints.answers import AnswerHeader, Answers
from cms_service.core.endpoints.strict_route import WRITES
from cms_service.core.errors import (
    PROBLEM_MEDIA_TYPE,
    Conflict,
    PreconditionFailed,
    Problem,
    TookTooLong,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)

Document = dict[str, Any]

_OF_CALLERS: list[dict[str, list[str]]] = [{"accessToken": []}, {"apiKey": []}]

_SECONDS = r"^[1-9][0-9]*$"
_POLICY = r'"[a-z]+";q=[0-9]+;w=[0-9]+'
_STATE = r'"[a-z]+";r=[0-9]+;t=[0-9]+'
_EVERYWHERE = (
    AnswerHeader(
        "X-Request-Id", "Of the request, or a new one; it is in the log", r"^[A-Za-z0-9._-]{1,64}$"
    ),
    AnswerHeader("X-HCMS-Revision", "The revision of the deployment that has answered", r"^.*$"),
)
_RATES = (
    AnswerHeader(
        "RateLimit-Policy",
        "Requests (q) in seconds (w)",
        rf"^{_POLICY}(, {_POLICY})*$",
        always=False,
    ),
    AnswerHeader(
        "RateLimit",
        "Requests left (r), and seconds until all are (t)",
        rf"^{_STATE}(, {_STATE})*$",
        always=False,
    ),
)
_RETRY_AFTER = AnswerHeader(
    "Retry-After", "In seconds, where waiting may help", _SECONDS, always=False
)
_OF_PROBLEMS: Mapping[type[Problem], AnswerHeader] = {
    Unauthorized: AnswerHeader("WWW-Authenticate", "The scheme", "^Bearer$"),
    TooManyRequests: AnswerHeader("Retry-After", "In seconds", _SECONDS),
    Unavailable: _RETRY_AFTER,
    Conflict: _RETRY_AFTER,
    PreconditionFailed: AnswerHeader(
        "ETag",
        "What it is now, where one entry was asked for",
        r'^"[0-9]+(-[0-9a-f]+)?"$',
        always=False,
    ),
}

PROBLEM_SCHEMA: Document = {
    "title": "Problem",
    "description": "RFC 9457",
    "type": "object",
    "properties": {
        "type": {"type": "string", "pattern": "^urn:headlesscms:problem:[a-z-]+$"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong, and what to do about it"},
        "requestId": {"type": "string"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "A JSON pointer into the body, or a parameter's name",
                    },
                    "detail": {"type": "string"},
                },
                "required": ["pointer", "detail"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status", "detail", "requestId"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Operation:
    """One method of a path, whatever serves it. `described` has no responses yet but those of
    success.
    """

    method: str
    path: str
    described: Document
    answers: Sequence[Answers]

    @property
    def asks_for_credentials(self) -> bool:
        return any(each.for_caller for each in self.answers)

    @property
    def headers(self) -> list[AnswerHeader]:
        """The headers of a success."""
        return [header for each in self.answers for header in each.headers]

    @property
    def problem_headers(self) -> list[AnswerHeader]:
        return [header for each in self.answers for header in each.problem_headers]

    def problems(self) -> dict[int, list[type[Problem]]]:
        """The problems by status, those of one status by their names."""
        found = {problem for each in self.answers for problem in each.problems}
        if self.method in WRITES:
            found.add(Conflict)  # of two transactions that wait for each other one is ended
        if Unavailable in found:
            found.add(TookTooLong)
        by_status: dict[int, list[type[Problem]]] = {}
        for problem in sorted(found, key=lambda each: (each.status, each.__name__)):
            by_status.setdefault(problem.status, []).append(problem)
        return by_status


def complete(operation: Operation, components: Document) -> None:
    """Adds to the components what the operation refers to."""
    described = operation.described
    described.setdefault("security", _OF_CALLERS if operation.asks_for_credentials else [])
    rates = _RATES if operation.asks_for_credentials else ()
    results = described["responses"]
    for result in results.values():
        headers = (*_EVERYWHERE, *rates, *operation.headers)
        result["headers"] = _references(headers, components["headers"])
    more = operation.problem_headers
    for status, kinds in operation.problems().items():
        response = _problem_response(kinds, more, components["headers"])
        name = "Or".join(kind.code.title().replace("-", "") for kind in kinds)
        results[str(status)] = _component("responses", name, response, components["responses"])
    described["responses"] = dict(sorted(results.items()))


def _problem_response(
    kinds: Sequence[type[Problem]], more: Sequence[AnswerHeader], headers: Document
) -> Document:
    own = [*more, *(_OF_PROBLEMS[kind] for kind in kinds if kind in _OF_PROBLEMS)]
    return {
        "description": " or ".join(kind.title for kind in kinds),
        "headers": _references((*_EVERYWHERE, *_RATES, *own), headers),
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {
                    "allOf": [
                        {"$ref": "#/components/schemas/Problem"},
                        {
                            "properties": {
                                "type": {"enum": [kind.type_uri() for kind in kinds]},
                                "title": {"enum": [kind.title for kind in kinds]},
                                "status": {"const": kinds[0].status},
                            }
                        },
                    ]
                }
            }
        },
    }


def _references(headers: Iterable[AnswerHeader], components: Document) -> Document:
    return {header.name: _header(header, components) for header in headers}


def _header(header: AnswerHeader, components: Document) -> Document:
    described = {
        "description": header.description,
        "required": header.always,
        "schema": {"type": "string", "pattern": header.pattern},
    }
    return _component("headers", header.name.replace("-", ""), described, components)


def _component(kind: str, base: str, described: Document, components: Document) -> Document:
    """A reference to it. Several of one name are numbered."""
    number, name = 1, base
    while components.setdefault(name, described) != described:
        number += 1
        name = f"{base}{number}"
    return {"$ref": f"#/components/{kind}/{name}"}
