"""Places for requests to others than the API server. Who has pods or providers that are slow takes
none of those that are left for other namespaces.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary


class NoPlaceError(Exception):
    """Others gave no answer for so long that nobody was asked."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"not asked: others of its kind gave no answer for {seconds:g} s")


class Places:
    """Places for `at_once` requests, `of_one` of them in one namespace; one may be waited for
    `seconds`.

    That wait is no part of an answer's time, for it is others that are slow.
    """

    def __init__(self, at_once: int, of_one: int, seconds: float) -> None:
        self._of_one = of_one
        self._seconds = seconds
        self._all = asyncio.Semaphore(at_once)
        self._of: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self, namespace: str) -> AsyncIterator[None]:
        """Hold a place. Raises NoPlaceError."""
        share = self._of.setdefault(namespace, asyncio.Semaphore(self._of_one))
        async with AsyncExitStack() as places:
            try:
                async with asyncio.timeout(self._seconds):
                    await places.enter_async_context(share)
                    await places.enter_async_context(self._all)
            except TimeoutError:
                raise NoPlaceError(self._seconds) from None
            yield
