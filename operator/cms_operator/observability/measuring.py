"""What is measured around a phase of a reconcile and around a request to the API server."""

import functools
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import ParamSpec, Self, TypeVar

from cms_operator.observability import metrics

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
                return await step(*args, **kwargs)
            except Exception as error:
                metrics.PHASE_ERRORS.labels(name, type(error).__name__).inc()
                raise
            finally:
                metrics.PHASE_SECONDS.labels(name).observe(time.monotonic() - started)

        return measured

    return decorate


class ApiRequest:
    """Around one request; `status` is to be set when there is an answer."""

    def __init__(self, method: str, path: str) -> None:
        parts = _parts(path)
        self._resource = parts[0] if parts else ""
        self._verb = verb_of(method, parts)
        self.status = 0

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        metrics.API_IN_FLIGHT.inc()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        elapsed = time.monotonic() - self._started
        metrics.API_IN_FLIGHT.dec()
        metrics.API_REQUESTS.labels(self._verb, self._resource, str(self.status)).inc()
        metrics.API_SECONDS.labels(self._verb, self._resource).observe(elapsed)


def resource_of(path: str) -> str:
    """The plural in an API path; names and namespaces would make the metric unbounded."""
    return next(iter(_parts(path)), "")


def verb_of(method: str, parts: list[str]) -> str:
    """Kubernetes' word for a request to the resource and, where there is one, the name `parts`."""
    if method == "GET":
        return "get" if len(parts) > 1 else "list"
    return _VERBS.get(method, "other")


def _parts(path: str) -> list[str]:
    """The plural, the name and the subresource that an API path names."""
    parts = path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if len(rest) > 2 and rest[0] == _NAMESPACED:  # noqa: PLR2004  - namespaces/NAME/plural
        rest = rest[2:]
    return rest
