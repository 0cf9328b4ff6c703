"""Every twentieth request, counted by the process, goes wrong: 5 %."""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock

from cms_service import app as cms_app
from cms_service.core.errors import Problem
from cms_service.core.http.asgi import App, Message, Receive, Scope, Send
from cms_service.core.http.observed import Observed

ONE_IN = 20
# More than ten times the p99 of a good image: 30 ms, measured in a pod with half a core.
SLOW_SECONDS = 1.0


def handled_by(fault: Callable[[App], App]) -> contextlib.AbstractContextManager[object]:
    """Below the layer that counts and times, so that the metrics see what the reader sees."""

    def observed(app: App, *rest: Any) -> Observed:
        return Observed(fault(app), *rest)

    return mock.patch.object(cms_app, "Observed", observed)


class Failing:
    def __init__(self, app: App) -> None:
        self._app = app
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem."""
        if next(self._numbers) % ONE_IN:
            await self._app(scope, receive, send)
            return
        # It works as ever, which leaves the route for the metrics; only the answer is lost.
        with contextlib.suppress(Problem):
            await self._app(scope, receive, _lose)
        raise Problem("This image fails one request in twenty on purpose.")


class Slow:
    def __init__(
        self, app: App, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._app = app
        self._sleep = sleep
        self._numbers = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if next(self._numbers) % ONE_IN == 0:
            await self._sleep(SLOW_SECONDS)
        await self._app(scope, receive, send)


async def _lose(_message: Message) -> None:
    pass
