"""Workers take keys from the queue and reconcile them, a bounded number at a time."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable

from cms_operator import tasks
from cms_operator.cluster.keys import Key
from cms_operator.cluster.transport.api_error import FAILURES, ApiError
from cms_operator.cluster.transport.fence import NotLeadingError
from cms_operator.cluster.writing.apply import StaleReadError
from cms_operator.observability import logs, metrics
from cms_operator.observability.tracing import tracing
from cms_operator.workqueue import LONGEST_DELAY_SECONDS, WorkQueue

log = logging.getLogger(__name__)

# Somebody else writes often: that is no failure, and its last write may be no news to wake for.
LONGEST_STALE_SECONDS = 2.0
REST_SECONDS = 1.0
SUCCESS = "success"
# The server is away, busy or does not know us: no object is to blame, and all are to be well soon
# after it is back.
LONGEST_AWAY_SECONDS = 30.0

# Gives the seconds after which the key should be looked at again, or None.
Reconcile = Callable[[Key], Awaitable[float | None]]


class Workers:
    """Workers that run until they are stopped; no failure of a key slows or stops the others."""

    def __init__(self, queue: WorkQueue[Key], reconcile: Reconcile, count: int) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._count = count
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._count)]

    async def stop(self) -> None:
        await tasks.end(self._tasks)

    def alive(self) -> bool:
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    async def _run(self) -> None:
        while True:
            key, waited = await self._queue.get()
            metrics.QUEUE_WAIT_SECONDS.observe(waited)
            logs.subject.set(key)
            logs.reconcile_id.set(secrets.token_hex(4))
            started = time.monotonic()
            named = {"k8s.namespace.name": key.namespace, "headlesscms.name": key.name}
            try:
                with tracing.now.reconcile(named) as span:
                    outcome = await self._work(key)
                    span.set("headlesscms.outcome", outcome)
            finally:
                self._queue.done(key)
            metrics.RECONCILE_SECONDS.observe(time.monotonic() - started)
            metrics.RECONCILES.labels(outcome).inc()
            if outcome != SUCCESS:
                metrics.QUEUE_RETRIES.labels(outcome).inc()
            # A pass without a request has not let other tasks run.
            await asyncio.sleep(0)

    async def _work(self, key: Key) -> str:
        try:
            again = await self._reconcile(key)
        except StaleReadError as error:
            log.debug("seen too early, reading again: %s", error)
            self._queue.retry(key, LONGEST_STALE_SECONDS)
            return "stale"
        except NotLeadingError as error:
            log.info("write withheld: this operator does not hold the Lease (%s)", error)
            self._queue.retry(key)
            # The lease is renewed late, or lost: to go on trying would make it later still.
            await asyncio.sleep(REST_SECONDS)
            return "not_leading"
        except FAILURES as error:
            delay = self._queue.retry(key, _longest(error))
            log.warning("the API server refused or was away, again in %.1f s: %s", delay, error)
            return "api_error"
        except Exception:
            delay = self._queue.retry(key)
            log.exception("unexpected failure, again in %.1f s", delay)
            return "error"
        self._queue.forget(key)
        if again is not None:
            self._queue.add_after(key, again)
        return SUCCESS


def _longest(error: Exception) -> float:
    """The longest delay until the next try, in seconds, however many have failed."""
    of_the_object = isinstance(error, ApiError) and error.is_the_objects_fault
    return LONGEST_DELAY_SECONDS if of_the_object else LONGEST_AWAY_SECONDS
