"""The operator as kopf runs it: `kopf run -A -m cms_operator.main`, or `python -m cms_operator`."""

import asyncio
import contextlib
import gc
import itertools
import logging
import random
import secrets
import time
from typing import Any

import aiohttp
import kopf
from aiohttp import web

from cms_operator import handlers
from cms_operator.cluster.apply import Applier
from cms_operator.cluster.client import ApiError, KubernetesClient
from cms_operator.cluster.kinds import ALL, HEADLESS_CMS, Kind
from cms_operator.cluster.measures import MeasureReader
from cms_operator.cluster.pace import Pace
from cms_operator.cluster.pods import PodReader
from cms_operator.cluster.resync import resync
from cms_operator.cluster.store import Key, Store
from cms_operator.cluster.synthetic import SyntheticSender
from cms_operator.cluster.watch import Watch
from cms_operator.observability import metrics, server
from cms_operator.observability.fleet import Fleet
from cms_operator.observability.tracing import tracing
from cms_operator.reconcile import Reconciler
from cms_operator.settings import Settings
from cms_operator.steady_clock import SteadyClock
from cms_operator.steps.analysis import Analyses
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue

log = logging.getLogger(__name__)

_ABOUT_ONE_KIND = (403, 404)
# Between two rounds of the garbage collector; an object of the API server is a hundred.
_NEW_OBJECTS = 10_000
LAST_SPANS_SECONDS = 3.0


class Operator:
    """All parts of one running operator, and the order in which they start and stop."""

    def __init__(self, settings: Settings, client: KubernetesClient) -> None:
        self.settings = settings
        self._client = client
        self._store = Store()
        self._queue: WorkQueue[Key] = WorkQueue(
            time.monotonic,
            lambda: random.uniform(0.8, 1.2),  # noqa: S311  - spreads retries
            settings.resync_workers,
        )
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
            now=SteadyClock(time.time, time.monotonic),
            random_bytes=secrets.token_bytes,
            busy=self._is_busy,
        )
        self._workers = Workers(self._queue, self._reconciler.reconcile, settings.workers)
        events = handlers.Events(self._store, self._queue, self._reconciler.readers_of)
        self._watches = [
            Watch(
                client,
                self._store,
                kind,
                namespace,
                take=events.take,
                queue=self._queue.add,
            )
            for kind in ALL
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
        self._web = await server.serve(
            self.settings.health_port, self._is_alive, self._workers.alive, self._fleet
        )
        metrics.QUEUE_DEPTH.set_function(self._queue.depth)
        metrics.QUEUE_WORKING.set_function(self._queue.working)
        metrics.QUEUE_OLDEST_SECONDS.set_function(self._queue.oldest_age)
        metrics.OBJECTS.set_function(lambda: len(self._store.parents()))
        if self.settings.tracing.endpoint:
            # What it brings is paid by those alone who want it.
            from cms_operator.observability.otlp import OtlpTracing  # noqa: PLC0415

            tracing.now = OtlpTracing(self.settings.tracing)
        await self._first_list()
        self._queue_all()
        self._workers.start()
        forever = (self._resync_forever, *(watch.run for watch in self._watches))
        self._tasks = [asyncio.create_task(run()) for run in forever]
        _spare_what_stays()
        log.info("started; %d HeadlessCMS objects", len(self._store.parents()))

    async def _first_list(self) -> None:
        """Wait for an API server that is away, and for a CRD that is not installed yet."""
        for delay in itertools.chain((1, 2, 5), itertools.repeat(10)):
            try:
                for watch in self._watches:
                    await watch.list()
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
        await tracing.now.close(LAST_SPANS_SECONDS)
        if self._web is not None:
            await self._web.cleanup()

    def _fleet(self) -> Fleet:
        return Fleet(self._store.of_kind(HEADLESS_CMS), self._queue.failures().items())

    def _is_alive(self) -> bool:
        """False where a worker has died; before the start there is none that could."""
        return not self._tasks or self._workers.alive()

    def _look_for(self, kind: Kind) -> None:
        for watch in self._watches:
            watch.look(kind)

    def _queue_all(self) -> None:
        for key in self._store.parents():
            self._queue.add_routine(key)

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            if await self._list_all():
                for kind in ALL:
                    self._look_for(kind)
                self._reconciler.expire_sources()
                self._queue_all()

    async def _list_all(self) -> bool:
        """Queue whatever the watches have missed; False where there was no good answer.

        A kind that the operator may not list, or that is gone, keeps no other one back.
        """
        spaces = self.settings.namespaces
        try:
            with metrics.RESYNC_SECONDS.time():
                refused = await resync(self._client, self._store, ALL, spaces, self._missed)
        except (aiohttp.ClientError, TimeoutError) as error:
            metrics.RESYNCS.labels("api_error").inc()
            log.warning("could not list; the watches go on, the next list comes: %s", error)
            return False
        except Exception:
            metrics.RESYNCS.labels("error").inc()
            log.exception("a list failed unexpectedly; the watches go on, the next list comes")
            return False
        metrics.RESYNCS.labels("api_error" if refused else "success").inc()
        for kind, refusal in refused:
            log.warning("could not list %s; its watch goes on: %s", kind.plural, refusal)
        return all(refusal.status in _ABOUT_ONE_KIND for _, refusal in refused)

    def _missed(self, key: Key) -> None:
        metrics.MISSED.inc()
        self._queue.add(key)


def _spare_what_stays() -> None:
    """Keep the modules and what was listed out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


class _Process:
    """kopf calls module-level functions; this is what they share."""

    operator: Operator | None = None


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, **_: Any) -> None:
    own = Settings.from_environment()
    handlers.configure(settings)
    client = await KubernetesClient.connect(
        connections=own.workers * 2 + len(ALL) * max(1, len(own.namespaces)),
        pace=Pace(own.requests_per_second, time.monotonic),
    )
    operator = Operator(own, client)
    await operator.start()
    _Process.operator = operator


@kopf.on.cleanup()
async def stop(**_: Any) -> None:
    if _Process.operator is not None:
        await _Process.operator.stop()


HANDLERS = kopf.get_default_registry()
