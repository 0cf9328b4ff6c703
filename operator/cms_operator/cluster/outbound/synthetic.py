"""The operator's own requests to pods that get too few from readers to be judged.

The pods count them like any others, and so nothing is made of the answers here.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import aiohttp

from cms_operator.cluster.outbound import bodies
from cms_operator.cluster.outbound.places import NoPlaceError, Places
from cms_operator.cluster.outbound.pods import Target
from cms_operator.cluster.transport.client import FIELD_MANAGER
from cms_operator.cluster.transport.connector import connector

HEADERS = {
    "X-HCMS-Synthetic": "analysis",
    "Accept-Encoding": "identity",
    "User-Agent": FIELD_MANAGER,
}
AT_ONCE = 32
# The slow pods of one namespace leave places for the others.
AT_ONCE_PER_NAMESPACE = 8
# At most ten a second for each pod, which is no load worth the name.
PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 2.0
# Sending ends after this time, so that slow pods are not still asked in the next interval.
SENDING_SECONDS = 10.0
_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SyntheticLimits:
    pause_seconds: float = PAUSE_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    sending_seconds: float = SENDING_SECONDS


class SyntheticSender:
    """Sends a bounded number of GET requests to each pod in turn; none while `may_send` says no."""

    def __init__(
        self,
        limits: SyntheticLimits = SyntheticLimits(),
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self._limits = limits
        self._may_send = may_send
        self._places = Places(AT_ONCE, AT_ONCE_PER_NAMESPACE, limits.answer_seconds)
        self._session = aiohttp.ClientSession(
            # Kept connections: a handshake is no part of the CMS's own durations either.
            connector=connector(limit=AT_ONCE, limit_per_host=1),
            timeout=aiohttp.ClientTimeout(total=limits.answer_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(self, targets: Sequence[Target], per_pod: int, path: str) -> None:
        """Fewer requests than asked for are sent when time runs out."""
        deadline = time.monotonic() + self._limits.sending_seconds
        for turn in range(per_pod):
            if turn:
                await asyncio.sleep(self._limits.pause_seconds)
            if time.monotonic() >= deadline or not self._may_send():
                return
            await asyncio.gather(*(self._get(target, path) for target in targets))

    async def _get(self, target: Target, path: str) -> None:
        """No answer is no news: readiness and restarts tell of pods that are away."""
        with contextlib.suppress(aiohttp.ClientError, OSError, bodies.TooLongError, NoPlaceError):
            async with (
                self._places.one(target.namespace),
                self._session.get(target.url(path), allow_redirects=False) as response,
            ):
                await bodies.read(response, _MAX_BYTES)
