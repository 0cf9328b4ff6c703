"""Waiting for what comes by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx

from tests.service.patience import PATIENCE

T = TypeVar("T")

# Between looks that each cost as much CPU as what is waited for: a log-in, a new connection.
COSTLY = 0.2


async def eventually(
    look: Callable[[], Awaitable[T]],
    is_it: Callable[[T], bool],
    what: str,
    seconds: float = PATIENCE,
    *,
    pause: float = 0.02,
) -> T:
    """The first answer that is what is waited for. The last one is in the failure."""
    last: T | None = None

    async def found() -> T:
        nonlocal last
        while True:
            last = answer = await look()
            if is_it(answer):
                return answer
            await asyncio.sleep(pause)

    try:
        return await asyncio.wait_for(found(), seconds)
    except TimeoutError as error:
        raise AssertionError(f"not within {seconds:.0f} s: {what}; last: {last!r}") from error


async def until(true: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """The same of what needs no waiting to be asked."""

    async def look() -> bool:
        return true()

    await eventually(look, bool, what, seconds)


async def served(
    ask: Callable[[], Awaitable[httpx.Response]], seconds: float = PATIENCE
) -> httpx.Response:
    """The first answer that is not 503."""
    return await eventually(ask, lambda answer: answer.status_code != 503, "it is served", seconds)
