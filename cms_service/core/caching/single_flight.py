"""Work that many ask for at once is done once."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from cms_service.core.postgres.transaction import outside_transactions

Result = TypeVar("Result")


class _GivenUpError(Exception):
    """The caller that did the work has been cancelled."""


class SingleFlight(Generic[Result]):
    def __init__(self, joined: Callable[[], object] = lambda: None) -> None:
        """`joined` is called for each caller that need not begin the work."""
        self._waiting: dict[Hashable, list[asyncio.Future[Result]]] = {}
        self._joined = joined

    def __len__(self) -> int:
        """How many different things are under way."""
        return len(self._waiting)

    async def run(self, key: Hashable, work: Callable[[], Awaitable[Result]]) -> Result:
        """The first caller works, without a task of its own, which would cost as much as some of
        the work; if it is cancelled, another one begins anew.
        """
        while key in self._waiting:
            self._joined()
            outcome: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
            self._waiting[key].append(outcome)
            try:
                return await outcome
            except _GivenUpError:
                continue
        self._waiting[key] = []
        try:
            with outside_transactions():
                result = await work()
        except Exception as error:
            self._fail(key, error)
            raise
        except BaseException:
            self._fail(key, _GivenUpError())
            raise
        for outcome in self._finish(key):
            outcome.set_result(result)
        return result

    def _fail(self, key: Hashable, error: Exception) -> None:
        for outcome in self._finish(key):
            outcome.set_exception(error)

    def _finish(self, key: Hashable) -> list[asyncio.Future[Result]]:
        """The outcomes for those that still wait."""
        return [outcome for outcome in self._waiting.pop(key) if not outcome.done()]
