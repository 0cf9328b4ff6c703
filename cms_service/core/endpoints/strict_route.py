"""A FastAPI route that refuses what it does not know, before anything is done."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl

from fastapi import HTTPException, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import Receive, Scope

from cms_service.core.endpoints.answers import Answers
from cms_service.core.errors import (
    BadRequest,
    ContentTooLarge,
    Invalid,
    Problem,
    RequestTimeout,
    UnsupportedMediaType,
)
from cms_service.core.validation import strict_json

MAX_BODY_BYTES = 1024 * 1024
IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_BODY_SECONDS = 30.0
# Of each place in a body that does not fit pydantic tells in a kilobyte. Of more it is not asked.
MOST_MISFITS = 1_000
# A body that is no larger can hold no more than some of them.
_LARGE_BODY_BYTES = 16 * 1024
_MAX_PARAMETERS = 50
_BODY_TYPES = ("application/json",)
# Every change of a part is a merge patch (RFC 7396).
PATCH_TYPES = (*_BODY_TYPES, "application/merge-patch+json")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class RefusedError(HTTPException):
    """Carries a problem through FastAPI's reading of the body, which lets only its own kind
    pass.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status)
        self.problem = problem


class StrictRequest(Request):
    """`model` is what the body has to fit, if it is one."""

    def __init__(self, scope: Scope, receive: Receive, model: object = None) -> None:
        super().__init__(scope, receive)
        self._model = model

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            try:
                async with asyncio.timeout(_BODY_SECONDS):
                    self._body = await self._bounded_body()
            except TimeoutError:
                raise _closing(RequestTimeout("The body came too slowly.")) from None
        return self._body

    async def _bounded_body(self) -> bytes:
        chunks, length = [], 0
        async for chunk in self.stream():
            length += len(chunk)
            if length > MAX_BODY_BYTES:
                raise _closing(ContentTooLarge(f"A body has at most {MAX_BODY_BYTES} bytes."))
            chunks.append(chunk)
        return b"".join(chunks)

    async def json(self) -> Any:
        body = await self.body()
        try:
            value = strict_json.loads(body)
        except ValueError as error:
            raise RefusedError(BadRequest(f"The body is refused: {error}.")) from None
        if len(body) > _LARGE_BODY_BYTES:
            _check_misfits(self._model, value)
        return value


def _check_misfits(model: object, value: Any) -> None:
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return
    try:
        model.model_validate(value)
    except ValidationError as error:
        if error.error_count() > MOST_MISFITS:
            problem = Invalid(f"The body does not fit the API in more than {MOST_MISFITS} places.")
            raise RefusedError(problem) from None


def _closing(problem: Problem) -> RefusedError:
    """What is left of the body is not worth reading."""
    problem.headers = {**problem.headers, "Connection": "close"}
    return RefusedError(problem)


class StrictRoute(APIRoute):
    takes_idempotency_key = False

    def own_answers(self) -> Answers:
        """What it answers to a request that does not fit, and to one that meets a defect."""
        problems: set[type[Problem]] = {Problem, BadRequest}
        takes_body = self.body_field is not None
        if takes_body:
            problems |= {RequestTimeout, ContentTooLarge, UnsupportedMediaType}
        if takes_body or _takes_parameters(self.dependant):
            problems.add(Invalid)
        return Answers(frozenset(problems))

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        allowed = _query_names(self.dependant)
        refused_headers = self._refused_headers()
        takes_body = self.body_field is not None
        model = self.body_field.field_info.annotation if self.body_field else None

        async def strict_handler(request: Request) -> Response:
            check_query(request.scope["query_string"], allowed)
            _check_body_headers(request, takes_body=takes_body)
            for header in refused_headers:
                if header in request.headers:
                    raise BadRequest(f"This request takes no {header}.")
            return await self.perform(StrictRequest(request.scope, request.receive, model), handler)

        return strict_handler

    def _refused_headers(self) -> tuple[str, ...]:
        """Those by which a client counts on something that is not done here."""
        takes_if_match = IF_MATCH.lower() in _header_names(self.dependant)
        is_read = WRITES.isdisjoint(self.methods or ())
        return (
            *(() if self.takes_idempotency_key else (IDEMPOTENCY_KEY,)),
            *(() if takes_if_match or is_read else (IF_MATCH,)),
        )

    async def perform(self, request: Request, handler: Handler) -> Response:
        """What is done with a request that is not refused at once."""
        return await handler(request)


def _query_names(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*(_query_names(other) for other in dependant.dependencies))


def _header_names(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.header_params)
    return own.union(*(_header_names(other) for other in dependant.dependencies))


def _takes_parameters(dependant: Dependant) -> bool:
    own = [*dependant.path_params, *dependant.query_params, *dependant.header_params]
    return bool(own) or any(_takes_parameters(other) for other in dependant.dependencies)


def check_query(query: bytes, allowed: frozenset[str]) -> dict[str, str]:
    """Raises BadRequest for a parameter that is unknown or given twice."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:
        raise BadRequest("The query string cannot be read.") from None
    if any("\0" in text for pair in pairs for text in pair):  # PostgreSQL has no such text
        raise BadRequest("The query string holds the NUL character.")
    parameters = dict(pairs)
    unknown = parameters.keys() - allowed
    if unknown:
        raise BadRequest(f"Unknown query parameter {min(unknown)[:50]!r}.")
    if len(parameters) != len(pairs):
        raise BadRequest("A query parameter is given twice.")
    return parameters


def _check_body_headers(request: Request, *, takes_body: bool) -> None:
    length = request.headers.get("content-length", "0")
    if not takes_body:
        if length != "0" or "transfer-encoding" in request.headers:
            raise _closing(BadRequest("This request takes no body."))
        return
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise _closing(ContentTooLarge(f"A body has at most {MAX_BODY_BYTES} bytes."))
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    allowed = PATCH_TYPES if request.method == "PATCH" else _BODY_TYPES
    if media_type not in allowed:
        raise _closing(UnsupportedMediaType(f"The body must be {' or '.join(allowed)}."))
