"""One process of the load. A request leaves at its time, whether those before it are answered or
not, and its time runs from when it was due: a server that stalls cannot hide it.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.load.plan import Arrival, Phase, Route, arrivals
from demo.load import CONTEXT, MAX_HEADER_BYTES, read_answer

MOST_AT_ONCE = 500
_TIMEOUT_SECONDS = 15.0

_Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Tally:
    """What was counted by phase and route. `behind`: how much later than due the client itself
    sent.
    """

    microseconds: dict[tuple[str, str], Counter[int]] = field(default_factory=dict)
    failures: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    instances: Counter[str] = field(default_factory=Counter)
    behind: Counter[int] = field(default_factory=Counter)
    refused: int = 0

    def add(self, other: "Tally") -> None:
        for key, times in other.microseconds.items():
            self.microseconds.setdefault(key, Counter()).update(times)
        self.failures.update(other.failures)
        self.instances.update(other.instances)
        self.behind.update(other.behind)
        self.refused += other.refused


@dataclass(frozen=True)
class Load:
    """`starts_at` by the machine's monotonic clock, for all processes alike."""

    url: str
    routes: tuple[Route, ...]
    phases: tuple[Phase, ...]
    processes: int
    starts_at: float
    seed: int = 1


class Client:
    def __init__(self, url: str, routes: Iterable[Route], starts_at: float) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname or "", place.port or 80
        self._routes: Mapping[str, Route] = {route.name: route for route in routes}
        self._encoded = {name: route.encode(place.netloc) for name, route in self._routes.items()}
        self._starts_at = starts_at
        self._idle: list[_Connection] = []
        self._under_way = 0
        self.tally = Tally()

    async def run(self, planned: Iterable[Arrival]) -> Tally:
        async with asyncio.TaskGroup() as group:
            for arrival in planned:
                await asyncio.sleep(self._starts_at + arrival.due - time.monotonic())
                if self._under_way == MOST_AT_ONCE:
                    self.tally.refused += 1
                    continue
                self._under_way += 1
                group.create_task(self._send(arrival))
        for _, writer in self._idle:
            writer.close()
        return self.tally

    async def _send(self, arrival: Arrival) -> None:
        due = self._starts_at + arrival.due
        self.tally.behind[rounded(time.monotonic() - due)] += 1
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                status, headers = await self._exchange(self._encoded[arrival.route])
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            what = type(error).__name__
        else:
            self.tally.instances[headers.get("x-hcms-revision", "")] += 1
            what = "" if status == self._routes[arrival.route].ok else f"status {status}"
            times = self.tally.microseconds.setdefault((arrival.phase, arrival.route), Counter())
            times[rounded(time.monotonic() - due)] += 1
        finally:
            self._under_way -= 1
        if what:
            self.tally.failures[arrival.phase, arrival.route, what] += 1

    async def _exchange(self, request: bytes) -> tuple[int, dict[str, str]]:
        reader, writer = await self._connection()
        try:
            writer.write(request)
            status, headers = await read_answer(reader)
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return status, headers

    async def _connection(self) -> _Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port, limit=MAX_HEADER_BYTES)


def rounded(seconds: float) -> int:
    """Microseconds with two significant digits: what is kept stays small."""
    number = round(max(seconds, 0.0) * 1e6)
    step = int(10 ** max(len(str(number)) - 2, 0))
    return number // step * step


def run_process(load: Load, number: int) -> Tally:
    shares = {route.name: route.share for route in load.routes}
    planned = arrivals(load.phases, shares, 1 / load.processes, load.seed * 1000 + number)
    return asyncio.run(Client(load.url, load.routes, load.starts_at).run(planned))


class Running:
    """A load that is under way in processes of its own."""

    def __init__(self, load: Load) -> None:
        self._pool = ProcessPoolExecutor(load.processes, mp_context=CONTEXT)
        self._parts: list[Future[Tally]] = [
            self._pool.submit(run_process, load, number) for number in range(load.processes)
        ]

    def result(self) -> Tally:
        """When the plan's time is over. Raises where a process has died."""
        total = Tally()
        with contextlib.closing(self):
            for part in self._parts:
                total.add(part.result())
        return total

    def close(self) -> None:
        self._pool.shutdown()
