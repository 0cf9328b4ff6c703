"""Others are asked beside the workers: one that hangs keeps none from the other keys."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from cms_operator.cluster.keys import Key

Answer = TypeVar("Answer")

# Most have answered by then, and the pass goes on.
PATIENCE_SECONDS = 0.1


class _Asked(NamedTuple, Generic[Answer]):
    about: object
    answer: asyncio.Future[Answer]


class Beside(Generic[Answer]):
    def __init__(self) -> None:
        self._asked: dict[Key, _Asked[Answer]] = {}

    async def ask(
        self, key: Key, about: object, question: Callable[[], Awaitable[Answer]]
    ) -> Answer | None:
        """The answer, the same until it is forgotten; None until it has come: then call again.

        What is `about` something else than before is asked anew.
        """
        asked = self._asked.get(key)
        if asked is None or asked.about != about:
            self.forget(key)
            asked = _Asked(about, asyncio.ensure_future(question()))
            self._asked[key] = asked
            await asyncio.wait({asked.answer}, timeout=PATIENCE_SECONDS)
        return asked.answer.result() if asked.answer.done() else None

    def forget(self, key: Key) -> None:
        if asked := self._asked.pop(key, None):
            asked.answer.cancel()

    async def close(self) -> None:
        under_way = [asked.answer for asked in self._asked.values()]
        for answer in under_way:
            answer.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
