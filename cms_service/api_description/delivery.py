"""The operations of the delivery API in OpenAPI's words, and what they answer. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from cms_service.api_description.delivery_parameters import IN_PATH, parameters_of_any_type
from cms_service.api_description.operations import Document, Operation
from cms_service.api_description.references import SCHEMAS
from cms_service.content_types.fields import Completeness, Context, Shape
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.content_types.schemas import ContentType
from cms_service.core.endpoints.answers import NO_STORE, AnswerHeader, Answers
from cms_service.core.errors import (
    BadRequest,
    Forbidden,
    NotFound,
    Problem,
    TooManyRequests,
    Unauthorized,
)
from cms_service.core.paging.pages import MAX_LIMIT
from cms_service.delivery.headers import METHODS
from cms_service.delivery.query.grammar import MAX_FILTERS, MAX_QUERY_LENGTH
from cms_service.delivery.query.plan import ALWAYS
from cms_service.delivery.routes import ENTRY_ROUTE, LIST_ROUTE

ENTRY, PAGE = "DeliveredEntry", "DeliveredPage"

_PUBLIC_TOO: list[dict[str, list[str]]] = [{"accessToken": []}, {"apiKey": []}, {}]
_READS = ("GET", "HEAD")
_VERBS = {"GET": "deliver", "HEAD": "headOf", "OPTIONS": "optionsOf"}


def _sometimes(name: str, description: str, pattern: str = "^.+$") -> AnswerHeader:
    return AnswerHeader(name, description, pattern, always=False)


_CORS = (
    _sometimes("Access-Control-Allow-Origin", "To pages of origins that the settings name"),
    _sometimes("Access-Control-Expose-Headers", "Which headers these pages see"),
)
# Not always: problems of requests that do not come as far as delivery have none of them.
_OF_PROBLEMS = (replace(NO_STORE, description="No problem is kept", always=False), *_CORS)
_OF_READS = Answers(
    frozenset({Problem, BadRequest, Unauthorized, Forbidden, NotFound, TooManyRequests}),
    headers=(
        AnswerHeader("ETag", "Of the answer's bytes", r'^"[0-9a-f]{32}"$'),
        AnswerHeader("Cache-Control", "By the tenant's access and the settings", "^.+$"),
        AnswerHeader("Vary", "What else decides about the answer", "^.+$"),
        AnswerHeader("Cache-Status", "RFC 9211", r"^headlesscms; (hit(; detail=stale)?|fwd=miss)$"),
        _sometimes("Surrogate-Key", "What is shown, for purging; or Cache-Tag, by the settings"),
        _sometimes("Cache-Tag", "What is shown, for purging; or Surrogate-Key, by the settings"),
        *_CORS,
    ),
    problem_headers=_OF_PROBLEMS,
    for_caller=True,
)
_OF_OPTIONS = Answers(
    frozenset({Problem, BadRequest, NotFound}),
    headers=(
        AnswerHeader("Allow", "The methods", f"^{METHODS}$"),
        *_CORS[:1],
        *(
            _sometimes(f"Access-Control-{name}", "To a preflight of pages that may read")
            for name in ("Allow-Methods", "Allow-Headers", "Max-Age")
        ),
    ),
    problem_headers=_OF_PROBLEMS,
)

_ABOUT_LISTS = f"""A list of what is published, filtered by `filter[ATTRIBUTE][OPERATOR]`: at most
{MAX_FILTERS} filters, in a query string of at most {MAX_QUERY_LENGTH} characters. An attribute is
`id`, `slug`, `publishedAt` or `fields.NAME`; the tenant's own document has them all."""


def operations() -> list[Operation]:
    """The operations that read entries of any type."""
    return [
        operation
        for route, schema in ((LIST_ROUTE, PAGE), (ENTRY_ROUTE, ENTRY))
        for operation in _operations(route, schema)
    ]


def schemas() -> Document:
    return {
        ENTRY: _entry({"type": "string", "pattern": TYPE_NAME_PATTERN}, {"type": "object"}),
        PAGE: _page(ENTRY),
    }


def delivered_shape(content_type: ContentType, described: Collection[str]) -> Shape:
    """How fields are delivered, with or without a locale and expanded references."""
    context = Context(Completeness.DRAFT, content_type.locales)

    def entry(name: str) -> Document:
        return {"$ref": f"{SCHEMAS}{name}.{ENTRY}" if name in described else SCHEMAS + ENTRY}

    return Shape(context, delivered=entry)


def _operations(route: str, schema: str) -> Iterator[Operation]:
    what = "Page" if route == LIST_ROUTE else "Entry"
    about = _ABOUT_LISTS if route == LIST_ROUTE else "What is published of one entry."
    for method, verb in _VERBS.items():
        reads = method in _READS
        described: Document = {
            "tags": ["delivery"],
            "summary": f"Deliver {what}" if reads else "Methods And Preflight",
            "operationId": verb + what,
            "parameters": [*IN_PATH[route], *(parameters_of_any_type(route) if reads else ())],
            "responses": _results(schema, method),
            "security": _PUBLIC_TOO if reads else [],
        }
        if reads:
            described["description"] = about
        yield Operation(method, route, described, [_OF_READS if reads else _OF_OPTIONS])


def _results(schema: str, method: str) -> Document:
    if method == "OPTIONS":
        return {"204": {"description": "What there is, also for a preflight"}}
    found: Document = {"description": "What is published"}
    if method == "GET":
        found["content"] = {"application/json": {"schema": {"$ref": SCHEMAS + schema}}}
    return {"200": found, "304": {"description": "The answer that is at hand is still the same"}}


def _entry(type_schema: Document, fields: Document) -> Document:
    return {
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid"},
            "type": type_schema,
            "slug": {"type": ["string", "null"]},
            "version": {"type": "integer"},
            "publishedAt": {"type": "string", "format": "date-time"},
            "fields": fields,
        },
        "required": list(ALWAYS),  # `select` decides about the others
        "additionalProperties": False,
    }


def _page(entry: str) -> Document:
    items = {"type": "array", "maxItems": MAX_LIMIT, "items": {"$ref": SCHEMAS + entry}}
    return {
        "type": "object",
        "properties": {"items": items, "nextCursor": {"type": ["string", "null"]}},
        "required": ["items", "nextCursor"],
        "additionalProperties": False,
    }
