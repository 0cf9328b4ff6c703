"""FastAPI's own errors as problems, beside ours."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import Match

from cms_service.core.endpoints.strict_route import RefusedError
from cms_service.core.errors import (
    PROBLEM_MEDIA_TYPE,
    BadRequest,
    FieldError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Problem,
    problem_body,
)
from cms_service.core.telemetry.logging import request_id
from cms_service.core.validation.locations import path_in

_MAX_ERRORS = 50
_MAX_DETAIL_LENGTH = 500


def install_problem_handlers(app: FastAPI) -> None:
    app.add_exception_handler(Problem, _answer)
    app.add_exception_handler(HTTPException, _answer)
    app.add_exception_handler(RequestValidationError, _answer)
    app.add_exception_handler(Exception, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    problem = as_problem(error)
    if isinstance(problem, MethodNotAllowed):
        problem.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return Response(
        problem_body(problem, request_id.get()),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=PROBLEM_MEDIA_TYPE,
    )


def _methods(request: Request) -> set[str]:
    """The methods of the page: each is a route of its own."""
    return {
        method
        for context in iter_route_contexts(request.app.routes)
        if context.original_route.matches(request.scope)[0] is not Match.NONE
        for method in context.methods or ()
    }


def as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, RefusedError):
        return error.problem
    if isinstance(error, RequestValidationError):
        return _invalid(error)
    if isinstance(error, HTTPException):
        return _http(error)
    return Problem("The request could not be handled.")


def _http(error: HTTPException) -> Problem:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return NotFound("There is no such page.")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return MethodNotAllowed("The page has no such method.")
    return BadRequest("The request cannot be read.")


def _invalid(error: RequestValidationError) -> Problem:
    """Names places and rules, never the values: a password may be among them."""
    errors = tuple(
        FieldError(
            _pointer(error, details),
            details["msg"].removeprefix("Value error, ")[:_MAX_DETAIL_LENGTH],
        )
        for details in error.errors()[:_MAX_ERRORS]
    )
    return Invalid("The request does not fit the API.", errors)


def _pointer(error: RequestValidationError, details: Mapping[str, Any]) -> str:
    place, *path = details["loc"]
    if place == "body":
        parts = path_in(error.body, details, skip=1)
        return "".join(
            f"/{str(part)[:100].replace('~', '~0').replace('/', '~1')}" for part in parts
        )
    return str(path[-1]) if path else str(place)
