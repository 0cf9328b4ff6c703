"""An event loop on which nobody waits: where nothing is left to do, its clock jumps ahead."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Counts the seconds that it is asked to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None:
            self.slept += max(0.0, timeout)
            timeout = 0
        return super().select(timeout)


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.slept


def run(work: Coroutine[Any, Any, T]) -> T:
    """The same as asyncio.run, but hours of sleep take no time. Only for work without sockets and
    threads.
    """
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


def now() -> float:
    """The virtual seconds since the beginning."""
    return asyncio.get_running_loop().time()
