"""Applications by the ASGI specification, what they tell those around them, and their answers."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from cms_service.core.errors import PROBLEM_MEDIA_TYPE, Problem, problem_body
from cms_service.core.telemetry.logging import request_id

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where an application leaves its route's template for the metrics.
ROUTE = "hcms.route"
# The name of the tenant that has let the request in: one that exists.
TENANT = "hcms.tenant"
# And what else its answer has to carry, whatever the answer.
ANSWER_HEADERS = "hcms.answer-headers"


async def send_problem(
    problem: Problem, send: Send, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    headers = {name.lower(): value for name, value in problem.headers.items()}
    headers["content-type"] = PROBLEM_MEDIA_TYPE
    await send_response(
        send,
        problem.status,
        [*((name.encode(), value.encode()) for name, value in headers.items()), *more],
        problem_body(problem, request_id.get()),
    )


async def send_response(
    send: Send, status: int, headers: list[tuple[bytes, bytes]], content: bytes
) -> None:
    headers.append((b"content-length", str(len(content)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
