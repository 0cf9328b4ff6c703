"""All parts of one running operator, and the order in which they start and stop."""

import asyncio
import gc
import logging
import signal
import time

import aiohttp
from aiohttp import web

from cms_operator import tasks
from cms_operator.cluster import scrapers
from cms_operator.cluster.cache.store import Store, TurnedBackError
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import ALL, CHILDREN, HEADLESS_CMS
from cms_operator.cluster.leader_election.elector import Election, Elector
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.outbound.service_resolver import ServiceResolver, by_name
from cms_operator.cluster.outbound.synthetic import SyntheticSender
from cms_operator.cluster.transport.api_error import NO_ANSWER
from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.watching.coverage import Space
from cms_operator.cluster.watching.kopf_session import KopfSession
from cms_operator.cluster.watching.resync import resync
from cms_operator.cluster.watching.watches import Watches
from cms_operator.events import EventSink
from cms_operator.observability import metrics, server
from cms_operator.observability.fleet import Fleet
from cms_operator.observability.tracing import tracing
from cms_operator.settings import Settings
from cms_operator.term import Term, Tools

log = logging.getLogger(__name__)

# Between two rounds of the garbage collector; an object of the API server is a hundred.
_NEW_OBJECTS = 10_000
LAST_SPANS_SECONDS = 3.0


class Operator:
    """One operator of a process: it lists and watches for as long as it runs.

    It works only in a Term: always, or where there is an election, while it has the lease. Who
    loses the lease goes on as a standby, and warm: an end of the process would list everything
    anew just when the API server has been away.
    """

    def __init__(
        self,
        settings: Settings,
        client: KubernetesClient,
        election: Election | None,
        reviews: KubernetesClient | None,
    ) -> None:
        """`reviews` asks whose token a scraper has; a standby asks, too, and so it has no fence."""
        self.settings = settings
        self._reviews = reviews
        self._client = client
        self._election = election
        self._elector = Elector(election, self._lead, self._follow) if election else None
        self._store = Store()
        self._spaces: tuple[Space, ...] = settings.spaces
        self._term: Term | None = None
        self.events = EventSink(self._store, self._queue, self._readers_of)
        self._watches = Watches(client, self._store, self._spaces, self.events.take, self._queue)
        self._tools = Tools(
            settings=settings,
            client=client,
            store=self._store,
            pods=PodReader(),
            measures=MeasureReader(settings.prometheus, ServiceResolver(by_name(client))),
            synthetic=SyntheticSender(
                may_send=election.fence.is_open if election else lambda: True
            ),
            written=self._watches.look,
            covers=self._watches.covers,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._kopf: KopfSession | None = None
        self._web: web.AppRunner | None = None

    async def start(self) -> None:
        """Know everything that is there before the first reconcile acts."""
        guards = []
        if self._reviews:
            gate = scrapers.Gate(scrapers.reviewer(self._reviews), time.monotonic)
            guards = [scrapers.middleware(gate)]
        self._web = await server.serve(
            self.settings.health_port,
            self._is_alive,
            lambda: self._kopf is not None and self._is_alive(),
            self._fleet,
            guards,
        )
        self._show_queue()
        metrics.OBJECTS.set_function(lambda: len(self._store.parents()))
        if self.settings.tracing.endpoint:
            # Only who wants it pays for loading it.
            from cms_operator.observability.otlp import OtlpTracing  # noqa: PLC0415

            tracing.now = OtlpTracing(self.settings.tracing)
        await self._watches.list()
        if self._elector is None:
            await self._lead().begun()
            forever = [self._resync_forever()]
        else:
            await self._elector.look()
            forever = [self._resync_forever(), self._elector.run()]
        forever += self._watches.runs()
        self._tasks = [asyncio.create_task(run) for run in forever]
        for task in self._tasks:
            task.add_done_callback(_has_ended)
        _spare_what_stays()
        self._kopf = KopfSession(self._client, self._store, self._spaces)
        log.info("started; %d HeadlessCMS objects", len(self._store.parents()))

    async def stop(self) -> None:
        await tasks.end(self._tasks)
        if self._elector:
            await self._elector.give_back()
        await self._follow()
        await self._tools.synthetic.close()
        await self._tools.pods.close()
        await self._tools.measures.close()
        await self._client.close()
        if self._election:
            await self._election.client.close()
        if self._reviews:
            await self._reviews.close()
        await tracing.now.close(LAST_SPANS_SECONDS)
        if self._web is not None:
            await self._web.cleanup()

    def kopf_session(self) -> aiohttp.ClientSession:
        """A session for kopf, which asks nothing before start() has returned."""
        if self._kopf is None:
            raise RuntimeError("the operator has not started")
        return self._kopf.open()

    def _fleet(self) -> Fleet:
        failures = self._term.queue.failures().items() if self._term else ()
        return Fleet(self._store.of_kind(HEADLESS_CMS), failures)

    def _show_queue(self) -> None:
        """Let the metrics show the queue; a standby has none."""
        metrics.QUEUE_DEPTH.set_function(lambda: self._term.queue.depth() if self._term else 0)
        metrics.QUEUE_WORKING.set_function(lambda: self._term.queue.working() if self._term else 0)
        metrics.QUEUE_OLDEST_SECONDS.set_function(
            lambda: self._term.queue.oldest_age() if self._term else 0
        )

    def _lead(self) -> Term:
        metrics.LEADER.set(1)
        self._term = Term(self._tools)
        return self._term

    async def _follow(self) -> None:
        metrics.LEADER.set(0)
        if self._term:
            await self._term.end()
            self._term = None

    def _is_alive(self) -> bool:
        """False where a part that runs forever has died."""
        whole = not any(task.done() for task in self._tasks)
        listens = self._kopf is None or self._kopf.alive()
        return whole and listens and (self._term is None or self._term.alive())

    def _queue(self, key: Key) -> None:
        """Queue a key. A standby need not: a term begins with all that there is."""
        if self._term:
            self._term.queue.add(key)

    def _readers_of(self, namespace: str, name: str) -> set[Key]:
        return self._term.readers_of(namespace, name) if self._term else set()

    async def _resync_forever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.resync_seconds)
            if await self._list_all():
                for kind in CHILDREN:
                    self._watches.look(kind)
                if self._term:
                    self._term.look_at_all()

    async def _list_all(self) -> bool:
        """Queue whatever the watches have missed; False where there was no good answer.

        A kind that the operator may not list, or that is gone, keeps no other one back.
        """
        spaces = self.settings.namespaces
        try:
            with metrics.RESYNC_SECONDS.time():
                refused = await resync(self._client, self._store, ALL, spaces, self._missed)
        except NO_ANSWER as error:
            metrics.RESYNCS.labels("api_error").inc()
            log.warning(
                "resync failed; watches continue, next resync in %d s: %s",
                self.settings.resync_seconds,
                error,
            )
            return False
        except TurnedBackError:
            raise
        except Exception:
            metrics.RESYNCS.labels("error").inc()
            log.exception("a list failed unexpectedly; the watches go on, the next list comes")
            return False
        metrics.RESYNCS.labels("api_error" if refused else "success").inc()
        for kind, refusal in refused:
            log.warning("could not list %s; its watch goes on: %s", kind.plural, refusal)
        return all(refusal.is_about_one_kind for _, refusal in refused)

    def _missed(self, key: Key) -> None:
        metrics.MISSED.inc()
        self._queue(key)


def _has_ended(task: asyncio.Task[None]) -> None:
    """End the process when a part that runs forever has died: a probe would find it later."""
    if not task.cancelled():
        log.critical("the operator ends: %s", task.exception())
        signal.raise_signal(signal.SIGTERM)


def _spare_what_stays() -> None:
    """Keep the garbage collector off the modules and what was listed, which stay."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])
