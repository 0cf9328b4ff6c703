"""Asks the providers of measures beside the workers: one that hangs keeps none from the others."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from cms_operator.api.fields.measures import Measure
from cms_operator.cluster.keys import Key
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.rollout.analysis.readings import MeasureContext, Reading

# Most have answered by then, and the pass goes on.
PATIENCE_SECONDS = 0.1


class _Asked(NamedTuple):
    about: tuple[Sequence[Measure], str, str]
    answers: asyncio.Task[list[Reading]]


class Providers:
    def __init__(self, reader: MeasureReader) -> None:
        self._reader = reader
        self._asked: dict[Key, _Asked] = {}

    async def ask(
        self, measures: Sequence[Measure], context: MeasureContext
    ) -> Sequence[Reading] | None:
        """One reading of each measure; None until all have come: then call again."""
        key = Key(context.namespace, context.name)
        about = (measures, context.candidate, context.stable)
        asked = self._asked.get(key)
        if asked is None or asked.about != about:
            self.forget(key)
            asked = _Asked(about, asyncio.create_task(self._read(measures, context)))
            self._asked[key] = asked
            await asyncio.wait({asked.answers}, timeout=PATIENCE_SECONDS)
        if not asked.answers.done():
            return None
        del self._asked[key]
        return asked.answers.result()

    async def _read(self, measures: Sequence[Measure], context: MeasureContext) -> list[Reading]:
        return await asyncio.gather(*(self._reader.read(measure, context) for measure in measures))

    def forget(self, key: Key) -> None:
        if asked := self._asked.pop(key, None):
            asked.answers.cancel()

    async def close(self) -> None:
        under_way = [asked.answers for asked in self._asked.values()]
        for answers in under_way:
            answers.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
