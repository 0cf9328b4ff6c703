"""Lets writes out only while the lease lasts: asked just before each is sent."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp

from cms_operator.election import Timing

READS = frozenset({"GET", "HEAD"})


class NotLeadingError(Exception):
    """The write was not sent: another may lead by now."""


def clock() -> float:
    """Seconds that nobody can set; where the system tells, the time it was suspended counts too."""
    which = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if which is None else time.clock_gettime(which)


class Fence:
    """Open for a time after each renewal, until somebody closes it."""

    def __init__(self, timing: Timing, now: Callable[[], float] = clock) -> None:
        self._timing = timing
        self._now = now
        self._renewed: float | None = None
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def renewed(self, at: float) -> None:
        """Note that a renewal sent at `at` was accepted."""
        self._renewed = at

    def close(self) -> None:
        self._renewed = None

    def check(self) -> float:
        """The seconds in which a write that begins now has to be over. Raises NotLeadingError."""
        if self._renewed is not None:
            age = self._now() - self._renewed
            if age < self._timing.renew_deadline:
                return self._timing.write_deadline - age
        raise NotLeadingError("the lease is not ours, or was not renewed in time")

    def is_open(self) -> bool:
        try:
            self.check()
        except NotLeadingError:
            return False
        return True

    @contextmanager
    def writing(self) -> Iterator[float]:
        """Count one write as under way; gives what check() does. Raises NotLeadingError."""
        left = self.check()
        self._under_way += 1
        self._idle.clear()
        try:
            yield left
        except aiohttp.ClientError:
            self.check()  # closed at the socket, which aiohttp reports as an error of its own
            raise
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def idle(self, seconds: float) -> bool:
        """Wait for the writes that are under way; False where that takes longer."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def at_the_socket(self) -> aiohttp.TraceConfig:
        """Check again once there is a connection, however long that was waited for.

        aiohttp tells of a body just before it writes it, together with the headers.
        """
        trace = aiohttp.TraceConfig()

        async def check(
            _: aiohttp.ClientSession, __: object, sent: aiohttp.TraceRequestChunkSentParams
        ) -> None:
            if sent.method not in READS:
                self.check()

        trace.on_request_chunk_sent.append(check)
        return trace
