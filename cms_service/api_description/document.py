"""The OpenAPI document of all routes. What a route answers is derived from its parameters, its
class and what it depends on; nothing is listed here for one route. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi

from cms_service.api_description.links import add_links
from cms_service.api_description.operations import PROBLEM_SCHEMA, Document, Operation, complete
from cms_service.core.endpoints.answers import Answers, answers_of
from cms_service.core.endpoints.strict_route import PATCH_TYPES, StrictRoute
from cms_service.core.errors import NotFound

API_VERSION = "1"
_TITLE = "Headless CMS"
_DESCRIPTION = """What is not described (a query parameter, a member of a body) is refused. Bodies
are JSON in UTF-8 of at most 1 MiB, nested at most 32 levels deep, with numbers from -(2^53 - 1) to
2^53 - 1 and no NUL in a text. Headers have at most 64 KiB in all. Where there is no such path the
answer is the problem 404, where a path has no such method 405 with `Allow`.
`docs/management-api.md` has the rules that all routes share."""

_SECURITY_SCHEMES = {
    "accessToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "From the log-in. An API key may stand there too.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def document_of(
    routes: Sequence[StrictRoute],
    around: Mapping[str, Answers],
    others: Sequence[Operation],
    other_schemas: Document,
) -> Document:
    """`around`: what stands before the routes whose paths begin so may answer. `others`: what is
    served by other means than these routes.
    """
    document = get_openapi(
        title=_TITLE, version=API_VERSION, description=_DESCRIPTION, routes=routes
    )
    components = document["components"]
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own, which none answers
        components["schemas"].pop(name, None)
    components["schemas"] |= {"Problem": PROBLEM_SCHEMA, **other_schemas}
    components |= {"securitySchemes": _SECURITY_SCHEMES, "headers": {}, "responses": {}}
    for route in routes:
        for method in route.methods or ():
            described = document["paths"][route.path_format][method.lower()]
            _adapt(described, method, route)
            answers = [*_all_answers(route), *_around(route.path_format, around)]
            complete(Operation(method, route.path_format, described, answers), components)
    for other in others:
        document["paths"].setdefault(other.path, {})[other.method.lower()] = other.described
        answers = [*other.answers, *_around(other.path, around)]
        complete(replace(other, answers=answers), components)
    _drop_titles([document["paths"], components["schemas"]])
    add_links(document)
    return document


def _adapt(described: Document, method: str, route: StrictRoute) -> None:
    """Correct what FastAPI describes otherwise than it is."""
    described["operationId"] = _operation_id(route.name)
    described["responses"].pop("422", None)
    for parameter in described.get("parameters", ()):
        parameter["schema"] = _as_text(parameter["schema"])
    if method == "PATCH" and "requestBody" in described:
        content = described["requestBody"]["content"]
        described["requestBody"]["content"] = dict.fromkeys(PATCH_TYPES, *content.values())


def _drop_titles(node: Any) -> None:
    """Members and parameters need no title: FastAPI makes it of their names, which say more."""
    if isinstance(node, dict):
        named = [*node.get("properties", {}).values(), node.get("schema", {})]
        for schema in named:
            schema.pop("title", None)
        for member in node.values():
            _drop_titles(member)
    elif isinstance(node, list):
        for member in node:
            _drop_titles(member)


def _all_answers(route: StrictRoute) -> Iterator[Answers]:
    yield route.own_answers()
    yield from _of_dependant(route.dependant)
    if len(_path_names(route.path_format)) > 1:  # of which the tenant is the first
        yield Answers(frozenset({NotFound}))


def _of_dependant(dependant: Dependant) -> Iterator[Answers]:
    yield answers_of(dependant.call)
    for other in dependant.dependencies:
        yield from _of_dependant(other)


def _around(path: str, around: Mapping[str, Answers]) -> list[Answers]:
    return [answers for prefix, answers in around.items() if path.startswith(prefix)]


def _path_names(path: str) -> list[str]:
    return [part for part in path.split("/") if part.startswith("{")]


def _as_text(schema: Document) -> Document:
    """A parameter may be left out, but no text is a null. Its description stands beside it."""
    plain = {name: value for name, value in schema.items() if name not in {"anyOf", "description"}}
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {**plain, **kinds[0]}
    return {**plain, "anyOf": kinds} if kinds else plain


def _operation_id(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other.title() for other in others)
