"""The outermost layer of port 3000: request id, trace, metrics, access log, and no error without an
answer.
"""

import logging
import time
from http import HTTPStatus

from cms_service.core.errors import Problem
from cms_service.core.http.asgi import (
    ANSWER_HEADERS,
    ROUTE,
    TENANT,
    App,
    Message,
    Receive,
    Scope,
    Send,
    send_problem,
)
from cms_service.core.http.request_ids import sane_or_new_id
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.telemetry import trace_context
from cms_service.core.telemetry.logging import request_id, request_span
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED, Tracing

logger = logging.getLogger(__name__)

_UNMATCHED = "unmatched"
_LOGGED_PATH_LENGTH = 200


class Observed:
    """`quiet_routes` are logged at debug level only: load balancers and readers ask them all the
    time.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - it stands around everything
        self,
        app: App,
        lifecycle: Lifecycle,
        metrics: Metrics,
        revision: str,
        quiet_routes: frozenset[str],
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._app = app
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._revision = (b"x-hcms-revision", revision.encode())
        self._quiet_routes = quiet_routes
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = sane_or_new_id(scope["headers"])
        request_id.set(identifier)
        span = self._tracing.request(scope, trace_context.from_headers(scope["headers"]))
        request_span.set(span)
        status, complete = 0, False

        async def send_and_note(message: Message) -> None:
            nonlocal status, complete
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    *scope.get(ANSWER_HEADERS, ()),
                    *self._headers(identifier),
                ]
            else:
                complete = not message.get("more_body", False)
            await send(message)

        started = time.perf_counter()
        self._metrics.requests.in_progress += 1
        try:
            await self._app(scope, receive, send_and_note)
        except Problem as problem:
            await send_problem(problem, send_and_note)
        except Exception:
            logger.exception("unexpected error")
            if not status:
                await send_problem(Problem("The request could not be handled."), send_and_note)
            elif not complete:
                raise
        finally:
            self._metrics.requests.in_progress -= 1
            route = str(scope.get(ROUTE) or getattr(scope.get("route"), "path", _UNMATCHED))
            self._record(scope, route, status, time.perf_counter() - started)
            span.end(route, status)

    def _headers(self, identifier: str) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", identifier.encode()), self._revision]
        if self._lifecycle.draining:
            headers.append((b"connection", b"close"))
        return headers

    def _record(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        self._metrics.requests.observe(scope["method"], route, status, seconds)
        if (tenant := scope.get(TENANT)) is not None:
            self._metrics.requests.observe_tenant(tenant, status)
        level = _log_level(status, quiet=route in self._quiet_routes)
        if logger.isEnabledFor(level):
            logger.log(
                level,
                "request",
                extra={
                    "method": scope["method"],
                    "route": route,
                    "path": scope["path"][:_LOGGED_PATH_LENGTH],
                    "status": status,
                    "durationMs": round(seconds * 1000, 2),
                },
            )


def _log_level(status: int, *, quiet: bool) -> int:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return logging.WARNING
    return logging.DEBUG if quiet else logging.INFO
