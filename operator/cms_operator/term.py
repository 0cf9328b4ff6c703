"""One term of leading: its queue, its workers and what they remember. None of it outlives the term.

What is kept between terms is the store, which the watches of a standby keep just as well.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from cms_operator import tasks
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import HEADLESS_CMS, Kind
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.outbound.synthetic import SyntheticSender
from cms_operator.cluster.transport.api_error import FAILURES, ApiError
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.coverage import Space
from cms_operator.cluster.watching.pause import rarer
from cms_operator.cluster.watching.resync import relist
from cms_operator.cluster.writing.apply import Applier
from cms_operator.cluster.writing.status_writer import StatusWriter
from cms_operator.reconcile.analysis.analyses import Analyses
from cms_operator.reconcile.reconciler import Reconciler
from cms_operator.settings import Settings
from cms_operator.steady_clock import SteadyClock
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0
LATE_RETRY_SECONDS = 10.0


@dataclass(frozen=True)
class Tools:
    """What the work is done with; it lasts as long as the process."""

    settings: Settings
    client: KubernetesClient
    store: Store
    pods: PodReader
    measures: MeasureReader
    synthetic: SyntheticSender
    written: Callable[[Kind], None]
    """Told of the kind of each object that was written."""

    covers: Callable[[str], bool]
    """Whether all children in a namespace are known."""


class Term:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self.queue: WorkQueue[Key] = WorkQueue(
            time.monotonic,
            lambda: random.uniform(0.8, 1.2),  # noqa: S311  - spreads retries
            tools.settings.resync_workers,
        )
        self._analyses = Analyses(tools.pods, tools.measures, tools.synthetic)
        self._reconciler = Reconciler(
            store=tools.store,
            applier=Applier(tools.client, tools.store, tools.written),
            writer=StatusWriter(tools.client, tools.store),
            pods=tools.pods,
            analyses=self._analyses,
            settings=tools.settings,
            now=SteadyClock(time.time, time.monotonic),
            random_bytes=secrets.token_bytes,
            busy=self._is_busy,
        )
        self.readers_of = self._reconciler.readers_of
        self._workers = Workers(self.queue, self._reconcile, tools.settings.workers)
        # Namespaces in which the leader before may have written what the watches have not brought.
        self._behind: set[Space] = set(tools.settings.spaces)
        self._begun = asyncio.create_task(self._begin())
        self._late = asyncio.create_task(self._catch_up_late())

    async def begun(self) -> None:
        """Wait until the workers are at work."""
        await asyncio.shield(self._begun)

    async def end(self) -> None:
        await tasks.end([self._begun, self._late])
        await self._workers.stop()
        await self._analyses.close()

    def alive(self) -> bool:
        """False where a part has died; before the start there is no worker that could."""
        return not self._late.done() and (not self._begun.done() or self._workers.alive())

    def look_at_all(self) -> None:
        self._reconciler.expire_sources()
        for key in self._tools.store.parents():
            self.queue.add_routine(key)

    async def _reconcile(self, key: Key) -> float | None:
        """Reconcile, unless something is not known yet: the key comes again when it is."""
        is_behind = key.namespace in self._behind or None in self._behind
        if is_behind or not self._tools.covers(key.namespace):
            return None
        return await self._reconciler.reconcile(key)

    async def _begin(self) -> None:
        for space in self._tools.settings.spaces:
            if refusal := await self._catch_up(space):
                log.info("HeadlessCMS objects of %s may not be listed: %s", space, refusal)
        self.look_at_all()
        self._workers.start()
        log.info("at work for %d HeadlessCMS objects", len(self._tools.store.parents()))

    async def _catch_up(self, space: Space) -> ApiError | None:
        """Read what the leader before has reported last: the watches may not have brought it yet.

        A namespace that may not be read stays behind; the refusal is returned.
        """
        tools = self._tools
        while True:
            try:
                await relist(tools.client, tools.store, HEADLESS_CMS, space, self.queue.add)
            except FAILURES as error:
                if isinstance(error, ApiError) and error.is_about_one_kind:
                    return error
                log.warning("cannot list HeadlessCMS objects yet: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._behind.discard(space)
                return None

    async def _catch_up_late(self) -> None:
        """Catch up with the namespaces that could not be read at first, as soon as they can be."""
        await asyncio.shield(self._begun)
        seconds = LATE_RETRY_SECONDS
        while True:
            await asyncio.sleep(seconds)
            seconds = rarer(seconds)
            for space in tuple(self._behind):
                if not await self._catch_up(space):
                    for key in self._tools.store.parents(space):
                        self.queue.add(key)

    def _is_busy(self) -> bool:
        """Whether keys wait for a worker, or most workers for the API server."""
        many = max(1, self._tools.settings.workers // 2)
        return self.queue.depth() > 0 or self.queue.working() > many
