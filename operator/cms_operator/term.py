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

import aiohttp

from cms_operator import tasks
from cms_operator.cluster.apply import Applier
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import HEADLESS_CMS, Kind
from cms_operator.cluster.measures import MeasureReader
from cms_operator.cluster.pods import PodReader
from cms_operator.cluster.resync import relist
from cms_operator.cluster.store import Key, Store
from cms_operator.cluster.synthetic import SyntheticSender
from cms_operator.reconcile import Reconciler
from cms_operator.settings import Settings
from cms_operator.steady_clock import SteadyClock
from cms_operator.steps.analysis import Analyses
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

RETRY_SECONDS = 2.0


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
            pods=tools.pods,
            analyses=self._analyses,
            settings=tools.settings,
            now=SteadyClock(time.time, time.monotonic),
            random_bytes=secrets.token_bytes,
            busy=self._is_busy,
        )
        self.readers_of = self._reconciler.readers_of
        self._workers = Workers(self.queue, self._reconciler.reconcile, tools.settings.workers)
        self._begun = asyncio.create_task(self._begin())

    async def begun(self) -> None:
        """Wait until the workers are at work."""
        await asyncio.shield(self._begun)

    async def end(self) -> None:
        await tasks.end([self._begun])
        await self._workers.stop()
        await self._analyses.close()

    def alive(self) -> bool:
        """False where a worker has died; before the start there is none that could."""
        return not self._begun.done() or self._workers.alive()

    def look_at_all(self) -> None:
        self._reconciler.expire_sources()
        for key in self._tools.store.parents():
            self.queue.add_routine(key)

    async def _begin(self) -> None:
        await self._catch_up()
        self.look_at_all()
        self._workers.start()
        log.info("at work for %d HeadlessCMS objects", len(self._tools.store.parents()))

    async def _catch_up(self) -> None:
        """Read what the one before has reported last: the watches may not have brought it yet."""
        tools = self._tools
        for namespace in tools.settings.namespaces or (None,):
            while True:
                try:
                    await relist(tools.client, tools.store, HEADLESS_CMS, namespace, self.queue.add)
                    break
                except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                    log.warning("cannot list HeadlessCMS objects yet: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)

    def _is_busy(self) -> bool:
        """Keys wait for a worker, or most workers wait for the API server."""
        many = max(1, self._tools.settings.workers // 2)
        return self.queue.depth() > 0 or self.queue.working() > many
