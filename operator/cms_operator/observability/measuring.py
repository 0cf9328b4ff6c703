"""What is measured around a phase of a reconcile and around a request to the API server."""

import functools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from cms_operator.observability import metrics
from cms_operator.observability.tracing import tracing

P = ParamSpec("P")
T = TypeVar("T")

_NAMESPACED = "namespaces"
_VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete", "PUT": "update"}


def phase(name: str) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
    """The method is a phase of a reconcile; an exception that leaves it is counted."""

    def decorate(step: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
        @functools.wraps(step)
        async def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            started = time.monotonic()
            try:
                with tracing.now.inside(name, {}):
                    return await step(*args, **kwargs)
            except Exception as error:
                metrics.PHASE_ERRORS.labels(name, type(error).__name__).inc()
                raise
            finally:
                metrics.PHASE_SECONDS.labels(name).observe(time.monotonic() - started)

        return measured

    return decorate


@dataclass(slots=True)
class Answer:
    """`status` is 0 until there is one; `lacks_a_right` where it is a refusal for want of that."""

    status: int = 0
    lacks_a_right: bool = False


@contextmanager
def api_request(method: str, path: str) -> Iterator[Answer]:
    """Measure one request; the caller says what the answer was."""
    parts = _parts(path)
    resource, verb = parts[0] if parts else "", verb_of(method, parts)
    answer, started = Answer(), time.monotonic()
    attributes = {"http.request.method": method, "k8s.resource": resource}
    metrics.API_IN_FLIGHT.inc()
    try:
        with tracing.now.inside(f"{verb} {resource}", attributes, calls=True) as span:
            try:
                yield answer
            finally:
                span.set("http.response.status_code", answer.status)
    finally:
        metrics.API_IN_FLIGHT.dec()
        metrics.API_REQUESTS.labels(verb, resource, str(answer.status)).inc()
        if answer.lacks_a_right:
            metrics.API_FORBIDDEN.labels(verb, resource).inc()
        metrics.API_SECONDS.labels(verb, resource).observe(time.monotonic() - started)


def count_refusal(path: str, status: int) -> None:
    """Count a request that is not measured, a watch or one of kopf's, if a right is what it lacks.

    `path` may have a query.
    """
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        url = urlsplit(path)
        parts = _parts(url.path)
        verb = "watch" if "watch=" in url.query else verb_of("GET", parts)
        resource = parts[0] if parts else ""
        metrics.API_REQUESTS.labels(verb, resource, str(int(status))).inc()
        metrics.API_FORBIDDEN.labels(verb, resource).inc()


def verb_of(method: str, parts: list[str]) -> str:
    """Kubernetes' word for a request to the resource and, where there is one, the name `parts`."""
    if method == "GET":
        return "get" if len(parts) > 1 else "list"
    return _VERBS.get(method, "other")


def _parts(path: str) -> list[str]:
    """The plural, the name and the subresource that an API path names.

    Metrics hold the plural alone: names and namespaces would make them unbounded.
    """
    parts = path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if len(rest) > 2 and rest[0] == _NAMESPACED:  # noqa: PLR2004  - namespaces/NAME/plural
        rest = rest[2:]
    return rest
