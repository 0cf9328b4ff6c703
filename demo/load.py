"""Drive HTTP load and count what comes back.

Standard library only and one file, so that it also runs inside a pod of the CMS image.

Closed loop: a connection sends its next request after the last answer, so a slow server lowers the
rate, and latencies under overload are understated. Nothing is tried again: a refused or reset
connection, a timeout, and any status but 200 is a failure. One that no revision has answered is
lost.

Two processes that share two cores with a server that does nothing send about 15,000 requests/s:
figures near that tell the generator's limit, not the server's.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from typing import Any, TextIO
from urllib.parse import urlsplit

OK = 200
REPORT_SECONDS = 0.5
MAX_HEADER_BYTES = 64 * 1024
# A script that came by `python -c` cannot be imported again by a spawned process.
CONTEXT = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Plan:
    """`rate` is requests per second of all connections together; 0 means without a pause."""

    url: str
    headers: list[str]
    connections: int
    processes: int
    rate: float
    requests_per_connection: int
    timeout_seconds: float
    max_seconds: float


@dataclass
class Tally:
    """`complete` is said by a process at its end: one that dies must not look like less load.

    `revisions` has all answers by the revision that gave them, `blamed` those of them that are
    failures.
    """

    complete: bool = False
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    blamed: Counter[str] = field(default_factory=Counter)
    revisions: Counter[str] = field(default_factory=Counter)
    milliseconds: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.requests += other.requests
        self.failures.update(other.failures)
        self.blamed.update(other.blamed)
        self.revisions.update(other.revisions)
        self.milliseconds.update(other.milliseconds)

    def percentile(self, share: float) -> int:
        wanted = share * self.milliseconds.total()
        seen = 0
        for value in sorted(self.milliseconds):
            seen += self.milliseconds[value]
            if seen >= wanted:
                return value
        return 0

    def report(self, seconds: float, *, done: bool) -> dict[str, Any]:
        return {
            "done": done,
            "seconds": round(seconds, 1),
            "requests": self.requests,
            "failures": dict(self.failures),
            "lost": self.failures.total() - self.blamed.total(),
            "blamed": dict(self.blamed),
            "revisions": dict(self.revisions),
            "milliseconds": {
                "p50": self.percentile(0.5),
                "p95": self.percentile(0.95),
                "p99": self.percentile(0.99),
                "max": max(self.milliseconds, default=0),
            },
        }


@dataclass(frozen=True)
class Target:
    """Where one process sends to, and by how many connections."""

    host: str
    port: int
    connections: int


class Client:
    """The connections of one process."""

    def __init__(self, plan: Plan, target: Target) -> None:
        url = urlsplit(plan.url)
        path = url.path + (f"?{url.query}" if url.query else "")
        lines = (
            f"GET {path or '/'} HTTP/1.1",
            f"Host: {url.netloc}",
            "Accept: application/json",
            *plan.headers,
        )
        self._request = "".join(f"{line}\r\n" for line in (*lines, "")).encode()
        self._plan = plan
        self._target = target
        self._stop = asyncio.Event()
        self.tally = Tally()

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        connections = self._target.connections
        interval = self._plan.connections / self._plan.rate if self._plan.rate else 0.0
        async with asyncio.TaskGroup() as group:
            for number in range(connections):
                group.create_task(self._keep_sending(interval, interval * number / connections))

    async def _keep_sending(self, interval: float, first: float) -> None:
        due = time.monotonic() + first
        while not self._stop.is_set():
            try:
                due = await self._use_one_connection(interval, due)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
                self.tally.requests += 1
                self.tally.failures[type(error).__name__] += 1
                due = max(due, time.monotonic()) + max(interval, 0.1)

    async def _use_one_connection(self, interval: float, due: float) -> float:
        await self._pause(due)
        async with asyncio.timeout(self._plan.timeout_seconds):
            reader, writer = await asyncio.open_connection(
                self._target.host, self._target.port, limit=MAX_HEADER_BYTES
            )
        try:
            for _ in range(self._plan.requests_per_connection):
                await self._pause(due)
                if self._stop.is_set():
                    break
                stays_open = await self._exchange(reader, writer)
                due = max(due + interval, time.monotonic())
                if not stays_open:
                    break
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        return due

    async def _pause(self, due: float) -> None:
        delay = due - time.monotonic()
        if delay > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), delay)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Send one request and count its answer; False where the server closes the connection."""
        started = time.monotonic()
        async with asyncio.timeout(self._plan.timeout_seconds):
            writer.write(self._request)
            status, headers = await read_answer(reader)
        self.tally.requests += 1
        self.tally.milliseconds[round((time.monotonic() - started) * 1000)] += 1
        revision = headers.get("x-hcms-revision", "")
        if status != OK:
            self.tally.failures[f"status {status}"] += 1
            if revision:
                self.tally.blamed[revision] += 1
        self.tally.revisions[revision] += 1
        return headers.get("connection", "").lower() != "close"


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Raises ValueError where the length of the body is not told."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if "content-length" not in headers:
        raise ValueError("the answer does not tell its length")
    await reader.readexactly(int(headers["content-length"]))
    # HTTP/1.1 200 OK
    return int(head[0][9:12]), headers


def _run_process(plan: Plan, target: Target, stop: Event, pipe: Connection) -> None:
    asyncio.run(_report_to_parent(Client(plan, target), plan, stop, pipe))


async def _report_to_parent(client: Client, plan: Plan, stop: Event, pipe: Connection) -> None:
    """Send until the parent says stop or the time is over; pass the tally on again and again."""
    sending = asyncio.create_task(client.run())
    end = time.monotonic() + plan.max_seconds
    while not (stop.is_set() or sending.done()) and time.monotonic() < end:
        await asyncio.sleep(REPORT_SECONDS)
        pipe.send(client.tally)
    client.stop()
    await sending
    client.tally.complete = True
    pipe.send(client.tally)
    pipe.close()


def _start_processes(plan: Plan, stop: Event) -> list[Connection]:
    # Resolved once: DNS is not what is measured.
    url = urlsplit(plan.url)
    found = socket.getaddrinfo(url.hostname, url.port or 80, type=socket.SOCK_STREAM)
    host, port = found[0][4][:2]
    whole, rest = divmod(plan.connections, plan.processes)
    pipes = []
    for number in range(plan.processes):
        target = Target(str(host), int(port), whole + (number < rest))
        ours, theirs = CONTEXT.Pipe(duplex=False)
        arguments = (plan, target, stop, theirs)
        CONTEXT.Process(target=_run_process, args=arguments, daemon=True).start()
        theirs.close()
        pipes.append(ours)
    return pipes


def drive(plan: Plan, until: TextIO | None = None) -> Iterator[tuple[Tally, bool]]:
    """Send until `until` ends or the plan's time is over.

    Yields the growing sum of all processes, with True for the last one.
    """
    stop = CONTEXT.Event()
    pipes = _start_processes(plan, stop)
    waiting = [until.fileno()] if until else []
    tallies: dict[Connection, Tally] = {}
    while pipes:
        for ready in wait([*pipes, *waiting]):
            if not isinstance(ready, Connection):
                stop.set()
                waiting = []
            elif not _receive(ready, tallies):
                pipes.remove(ready)
        yield _sum(tallies.values()), not pipes


def _receive(pipe: Connection, tallies: dict[Connection, Tally]) -> bool:
    """False where the process has ended. Raises RuntimeError where it died."""
    try:
        tallies[pipe] = pipe.recv()
    except EOFError:
        if pipe not in tallies or not tallies[pipe].complete:
            raise RuntimeError("a process of the load generator died") from None
        return False
    return True


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(description="Drive HTTP load and count what comes back.")
    parser.add_argument("url")
    parser.add_argument("--header", dest="headers", action="append", default=[])
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--rate", type=float, default=0.0, help="requests/s in all; 0: no pause")
    parser.add_argument("--requests-per-connection", type=int, default=20)
    parser.add_argument("--timeout-seconds", type=float, default=10.0)
    parser.add_argument("--max-seconds", type=float, default=30.0)
    parser.add_argument("--until-stdin-closes", action="store_true")
    options = vars(parser.parse_args())
    until = sys.stdin if options.pop("until_stdin_closes") else None
    started = time.monotonic()
    for tally, done in drive(Plan(**options), until):
        sys.stdout.write(json.dumps(tally.report(time.monotonic() - started, done=done)) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
