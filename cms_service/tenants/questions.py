"""Questions that requests of all tenants wait for: none takes long, and after one that failed
nobody need ask again for a while.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cms_service.core.errors import Unavailable

ASK_SECONDS = 2.0
PAUSE_SECONDS = 1.0

Answer = TypeVar("Answer")


class Questions:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._again_at = float("-inf")
        self._why = ""

    @property
    def are_paused(self) -> bool:
        return self._clock() < self._again_at

    def check(self) -> None:
        """Raises Unavailable while they are paused, with what the last one failed for."""
        if self.are_paused:
            raise Unavailable(self._why)

    async def in_time(self, answer: Awaitable[Answer]) -> Answer:
        """Raises Unavailable, and begins a pause."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await answer
        except TimeoutError:
            self._why = "The database does not answer in time."
        except Unavailable as error:
            self._why = error.detail
        self._again_at = self._clock() + PAUSE_SECONDS
        raise Unavailable(self._why)
