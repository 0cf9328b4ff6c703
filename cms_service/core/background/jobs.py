"""Work that no request asks for, done by every pod again and again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from cms_service.core.acting import acting
from cms_service.core.errors import Unavailable
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.postgres.shares import outside_shares

logger = logging.getLogger(__name__)


class Job(Protocol):
    async def run_once(self) -> bool:
        """One bounded piece of work. Whether there is more of it."""


class Background:
    """`jitter` is from 0.5 to 1.5: pods that start together do not go on together."""

    def __init__(
        self,
        jobs: Sequence[Job],
        interval_seconds: float,
        lifecycle: Lifecycle,
        jitter: Callable[[], float],
    ) -> None:
        self.jobs = jobs
        self._interval_seconds = interval_seconds
        self._lifecycle = lifecycle
        self._jitter = jitter

    async def run_forever(self) -> None:
        """Begins when the pod may serve, and begins nothing more when it is to stop. No job waits
        for another one.
        """
        await asyncio.gather(*(self._repeat(job) for job in self.jobs))

    async def _repeat(self, job: Job) -> None:
        while True:
            more = False
            if self._lifecycle.reason is None:
                more = await _run(job)
            if not more:
                await asyncio.sleep(self._interval_seconds * self._jitter())

    async def run_once(self) -> bool:
        return any([await _run(job) for job in self.jobs])


async def _run(job: Job) -> bool:
    acting.set(None)
    try:
        with outside_shares():
            return await job.run_once()
    except Unavailable:
        return False  # the database has logged it
    except Exception:
        logger.exception("%s could not be done", type(job).__name__)
        return False
