"""Work that many ask for at once is done once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    def __init__(self, joined: Callable[[], object] = lambda: None) -> None:
        """`joined` is called for each caller that need not begin the work."""
        self._running: dict[str, asyncio.Task[Result]] = {}
        self._joined = joined

    def __len__(self) -> int:
        """How many different things are under way."""
        return len(self._running)

    async def run(self, key: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """The work goes on when the caller that began it goes away: others may wait for it."""
        task = self._running.get(key)
        if task is None:
            task = asyncio.ensure_future(_call(work))
            self._running[key] = task
            task.add_done_callback(lambda done: self._finish(key, done))
        else:
            self._joined()
        return await asyncio.shield(task)

    def _finish(self, key: str, task: asyncio.Task[Result]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # marks it as seen, should every caller be gone


async def _call(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()
