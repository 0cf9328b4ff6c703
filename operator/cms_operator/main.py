"""The operator as kopf runs it: `kopf run -A -m cms_operator.main`, or `python -m cms_operator`."""

import asyncio
import contextlib
import itertools
import logging
import random
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import aiohttp
import kopf
from aiohttp import web

from cms_operator import handlers, observability
from cms_operator.cluster.apply import Applier
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import ALL, HEADLESS_CMS, Kind
from cms_operator.cluster.late_watch import LateWatch
from cms_operator.cluster.measures import MeasureReader
from cms_operator.cluster.pods import PodReader
from cms_operator.cluster.resync import resync
from cms_operator.cluster.store import Key, Store, key_of
from cms_operator.cluster.synthetic import SyntheticSender
from cms_operator.reconcile import Reconciler
from cms_operator.settings import Settings
from cms_operator.steps.analysis import Analyses
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

# The watches begin after the first list; what was deleted in between no event tells.
SETTLING_SECONDS = 15


class Operator:
    """All parts of one running operator, and the order in which they start and stop."""

    def __init__(self, settings: Settings, client: KubernetesClient) -> None:
        self.settings = settings
        self._client = client
        self._store = Store()
        self._queue: WorkQueue[Key] = WorkQueue(time.monotonic, lambda: random.uniform(0.8, 1.2))  # noqa: S311  - spreads retries
        self._pods = PodReader()
        self._measures = MeasureReader(settings.prometheus)
        self._synthetic = SyntheticSender()
        self._analyses = Analyses(self._pods, self._measures, self._synthetic)
        self._reconciler = Reconciler(
            store=self._store,
            applier=Applier(client, self._store, self._look_for),
            pods=self._pods,
            analyses=self._analyses,
            settings=settings,
            now=lambda: datetime.now(UTC),
            random_bytes=secrets.token_bytes,
            busy=self._is_busy,
        )
        self._workers = Workers(self._queue, self._reconciler.reconcile, settings.workers)
        self.events = handlers.Events(self._store, self._queue, self._reconciler.readers_of)
        self._late = [
            LateWatch(
                client,
                self._store,
                kind,
                namespace,
                take=self.events.take,
                queue=self._queue.add,
            )
            for kind in ALL
            if kind.optional
            for namespace in settings.namespaces or (None,)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._web: web.AppRunner | None = None

    def _is_busy(self) -> bool:
        """Keys wait for a worker, or most workers wait for the API server."""
        many = max(1, self.settings.workers // 2)
        return self._queue.depth() > 0 or self._queue.working() > many

    async def start(self) -> None:
        """Know everything that is there before the first reconcile acts."""
        self._web = await observability.serve(
            self.settings.health_port, self._is_alive, self._workers.alive
        )
        observability.QUEUE_DEPTH.set_function(self._queue.depth)
        observability.QUEUE_OLDEST_SECONDS.set_function(self._queue.oldest_age)
        observability.OBJECTS.set_function(lambda: len(list(self._store.of_kind(HEADLESS_CMS))))
        await self._first_list()
        self._queue_all()
        self._workers.start()
        forever = (self._resync_forever, *(late.run for late in self._late))
        self._tasks = [asyncio.create_task(run()) for run in forever]
        log.info("started; %d HeadlessCMS objects", len(list(self._store.of_kind(HEADLESS_CMS))))

    async def _first_list(self) -> None:
        """Wait for an API server that is away, and for a CRD that is not installed yet."""
        for delay in itertools.chain((1, 2, 5), itertools.repeat(10)):
            try:
                await resync(self._client, self._store, self.settings.namespaces)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                log.warning("cannot list what is there, again in %d s: %s", delay, error)
                await asyncio.sleep(delay)
            else:
                return

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._workers.stop()
        await self._analyses.close()
        await self._synthetic.close()
        await self._pods.close()
        await self._measures.close()
        await self._client.close()
        if self._web is not None:
            await self._web.cleanup()

    def _is_alive(self) -> bool:
        """False where a worker has died; before the start there is none that could."""
        return not self._tasks or self._workers.alive()

    def _look_for(self, kind: Kind) -> None:
        for late in self._late:
            late.look(kind)

    def _queue_all(self) -> None:
        for found in self._store.of_kind(HEADLESS_CMS):
            if key := key_of(HEADLESS_CMS, found):
                self._queue.add(key)

    async def _resync_forever(self) -> None:
        pauses = itertools.chain(
            (SETTLING_SECONDS,), itertools.repeat(self.settings.resync_seconds)
        )
        for pause in pauses:
            await asyncio.sleep(pause)
            try:
                changed = await resync(self._client, self._store, self.settings.namespaces)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                log.warning("could not list; the watches go on, the next list comes: %s", error)
                continue
            except Exception:
                log.exception("a list failed unexpectedly; the watches go on, the next list comes")
                continue
            if changed:
                log.info("the list showed %d objects that the watches had missed", len(changed))
            for kind in ALL:
                self._look_for(kind)
            self._reconciler.expire_sources()
            self._queue_all()


class _Process:
    """kopf calls module-level functions; this is what they share."""

    operator: Operator | None = None

    @classmethod
    def events(cls) -> handlers.Events:
        if cls.operator is None:
            raise kopf.PermanentError("an event came before the operator had started")
        return cls.operator.events


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    own = Settings.from_environment()
    handlers.configure_watches(settings)
    # The rights of a namespaced operator do not reach namespaces and CRDs.
    settings.scanning.disabled = bool(own.namespaces)
    client = await KubernetesClient.connect(
        connections=own.workers * 2 + max(1, len(own.namespaces))
    )
    operator = Operator(own, client)
    await operator.start()
    _Process.operator = operator


@kopf.on.cleanup()
async def stop(**_: Any) -> None:
    if _Process.operator is not None:
        await _Process.operator.stop()


handlers.register(_Process.events)
HANDLERS = kopf.get_default_registry()
