"""Requests of the operator's own, for pods that get too few of others' to be judged."""

import asyncio
import bisect
import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import aiohttp

from cms_operator.api.types import IS_PATH, MAX_PATH
from cms_operator.cluster.client import FIELD_MANAGER
from cms_operator.cluster.pods import Target

HEADERS = {
    "X-HCMS-Synthetic": "analysis",
    "Accept-Encoding": "identity",
    "User-Agent": FIELD_MANAGER,
}
# The upper bounds of the CMS's own histogram of request durations, in seconds.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

MOST_PER_POD = 50
MOST_PODS = 50
AT_ONCE = 4
# At most ten a second for each pod, which is no load worth the name.
PAUSE_SECONDS = 0.1
ANSWER_SECONDS = 2.0
# Then no more is sent: the reconcile that waits has other things to do.
SENDING_SECONDS = 10.0
_MAX_BYTES = 1024 * 1024
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class SyntheticResult:
    """The answers of one pod; `failed` are those of 5xx, and requests that got none.

    `buckets` are cumulative, as in Prometheus: answers within each of BUCKETS, then all of them.
    """

    sent: int
    failed: int
    buckets: tuple[int, ...]


class _Answer(NamedTuple):
    status: int  # 0 where there was none
    seconds: float


@dataclass(frozen=True, slots=True)
class SyntheticLimits:
    pause_seconds: float = PAUSE_SECONDS
    answer_seconds: float = ANSWER_SECONDS
    sending_seconds: float = SENDING_SECONDS


class SyntheticSender:
    """Sends a bounded number of GET requests, in turns, so that all pods get as many."""

    def __init__(self, limits: SyntheticLimits = SyntheticLimits()) -> None:
        self._limits = limits
        self._session = aiohttp.ClientSession(
            # Kept connections: a handshake is no part of the CMS's own durations either.
            connector=aiohttp.TCPConnector(limit=AT_ONCE, limit_per_host=1),
            timeout=aiohttp.ClientTimeout(total=limits.answer_seconds),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def send(
        self, targets: Sequence[Target], per_pod: int, path: str = "/health"
    ) -> Mapping[Target, SyntheticResult]:
        """Fewer requests than asked for are sent when time runs out.

        Raises ValueError for more pods or requests than there may be, and for what is no path.
        """
        if len(targets) > MOST_PODS or not 0 < per_pod <= MOST_PER_POD:
            raise ValueError(f"at most {MOST_PODS} pods get 1 to {MOST_PER_POD} requests each")
        if len(path) > MAX_PATH or not IS_PATH.holds(path):
            raise ValueError(f"the path {IS_PATH.message}, of at most {MAX_PATH} characters")
        deadline = time.monotonic() + self._limits.sending_seconds
        gate = asyncio.Semaphore(AT_ONCE)
        answers: dict[Target, list[_Answer]] = {target: [] for target in targets}

        async def one(target: Target) -> None:
            async with gate:
                if time.monotonic() < deadline:
                    answers[target].append(await self._get(target.url(path)))

        for turn in range(per_pod):
            if turn:
                await asyncio.sleep(self._limits.pause_seconds)
            if time.monotonic() >= deadline:
                break
            await asyncio.gather(*map(one, answers))
        return {target: _result(found) for target, found in answers.items()}

    async def _get(self, url: str) -> _Answer:
        started = time.perf_counter()
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                await _drain(response)
                return _Answer(response.status, time.perf_counter() - started)
        except (aiohttp.ClientError, OSError):
            return _Answer(0, time.perf_counter() - started)


async def _drain(response: aiohttp.ClientResponse) -> None:
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > _MAX_BYTES:
            response.close()
            return


def _result(answers: Iterable[_Answer]) -> SyntheticResult:
    found = list(answers)
    counts = [0] * (len(BUCKETS) + 1)
    for answer in found:
        if answer.status:
            counts[bisect.bisect_left(BUCKETS, answer.seconds)] += 1
    failed = sum(not answer.status or answer.status >= _SERVER_ERROR for answer in found)
    return SyntheticResult(len(found), failed, tuple(itertools.accumulate(counts)))
