# ruff: noqa: S603 - the arguments are our own
"""One server process, three of them behind the nginx of deploy/, and three that share nothing.

    python -m benchmarks.scaling [--seconds 5] [--rounds 3]

One nginx leads to one process, another to three of them on the same database with three times the
connections. Three times the processes give more requests only on a machine with a core for each,
for nginx, PostgreSQL and the load; on others the CPU time of a request tells whether they would.
What it costs there that three processes take turns on two cores is no cost of being scaled out:
so three deployments of one process, with a database, a Redis and an nginx each, are asked all at
once for comparison. With few cores each process has one connection: the more requests a process
finds at a time, the less each costs it. Needs `wrk` (a Debian package).
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks import articles, stores, wrk
from benchmarks.cost import Cost, Meters, measured, middle
from benchmarks.ours import DELIVERY, Ours
from benchmarks.usage import cpu_seconds
from benchmarks.wrk import Figures, Request
from localcluster.progress import Progress
from tests.service.packages import program
from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.servers import wait_until
from tests.support.ports import free_port

PROCESSES = 3
# Beside the processes: nginx, PostgreSQL, the load.
CORES = PROCESSES + 3
FASTER, DEARER = 2.5, 1.1
_WARM_UP_SECONDS = 3
_NGINX = REPOSITORY / "deploy" / "nginx.conf"
_UPSTREAM = re.compile(r"(        server api\d:3000 .*;\n)+")


@dataclass(frozen=True)
class Front:
    """An nginx, what its deployment asks of clients, and a folder for the load's own file."""

    url: str
    headers: Mapping[str, str]
    connections: int
    folder: Path

    def load(self, path: str, seconds: int) -> Figures:
        request = Request(path, self.headers)
        return wrk.load(self.url, request, seconds, self.folder, connections=self.connections)


@dataclass(frozen=True)
class Row:
    name: str
    one: Cost
    scaled_out: Cost
    apart: Cost

    @property
    def faster(self) -> float:
        return self.scaled_out.figures.rate / self.one.figures.rate

    @property
    def dearer(self) -> float:
        """The CPU time of a request in the server processes, beside those that share nothing."""
        return self.scaled_out.cpu["server"] / self.apart.cpu["server"]

    def verdict(self, cores: int) -> str:
        if cores >= CORES:
            return f"{'reached' if self.faster >= FASTER else '**missed**'}: {FASTER:g} times"
        return f"{'reached' if self.dearer <= DEARER else '**missed**'}: CPU {DEARER:g} times"


def table(rows: Sequence[Row], cores: int) -> str:
    rates = f"requests/s, 1 process | {PROCESSES} | times"
    costs = f"CPU ms a request, 1 process | {PROCESSES} | {PROCESSES} apart | times"
    lines = [f"| {cores} cores | {rates} | {costs} | |", "|---|--:|--:|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        cells = [row.name, f"{row.one.figures.rate:.0f}", f"{row.scaled_out.figures.rate:.0f}"]
        cells.append(f"{row.faster:.2f}")
        cells += [f"{cost.cpu['server']:.3f}" for cost in (row.one, row.scaled_out, row.apart)]
        cells += [f"{row.dearer:.2f}", row.verdict(cores)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def at_once(figures: Sequence[Figures]) -> Figures:
    """Add up loads that ran side by side."""
    return Figures(
        requests=sum(each.requests for each in figures),
        seconds=max(each.seconds for each in figures),
        p50=max(each.p50 for each in figures),
        p99=max(each.p99 for each in figures),
    )


def nginx_config(deployed: str, folder: Path, port: int, upstream: Sequence[int]) -> str:
    """The deployed configuration, in front of these ports."""
    servers = "".join(
        f"        server 127.0.0.1:{each} max_fails=1 fail_timeout=10s;\n" for each in upstream
    )
    config = _UPSTREAM.sub(servers, deployed)
    own = {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/tmp/": f"{folder}/",  # noqa: S108 - the container's, as its file names it
        "/dev/stdout": f"{folder}/access.log",
        "/dev/stderr": f"{folder}/error.log",
    }
    for theirs, ours in own.items():
        config = config.replace(theirs, ours)
    return config


def main() -> None:
    options = wrk.options()
    progress = Progress()
    cores = os.cpu_count() or 1
    each = wrk.CONNECTIONS if cores >= CORES else 1
    with ExitStack() as stack:
        deployments = []
        for number in range(PROCESSES):
            with progress.step(f"deployment {number + 1} with its articles"):
                processes = 1 if number else PROCESSES
                deployments.append(Deployment(stack, processes))
        first, *others = deployments
        ways = Ways(
            one=[first.front(stack, 1, each)],
            scaled_out=[first.front(stack, PROCESSES, PROCESSES * each)],
            apart=[
                first.front(stack, 1, each),
                *(other.front(stack, 1, each) for other in others),
            ],
        )
        rows = list(Bench(deployments, progress).rows(ways, options.seconds, options.rounds))
    sys.stdout.write(f"{table(rows, cores)}\n")


class Deployment:
    """A site on servers of its own, with so many processes."""

    def __init__(self, stack: ExitStack, processes: int) -> None:
        self.folder, self._postgres, redis = stack.enter_context(stores.opened("scaling"))
        self._site = Ours(self._postgres, redis, self.folder)
        self._site.prepare()
        self._site.fill()
        environment = self._site.environment()
        self.servers = [
            stack.enter_context(ServeProcess(environment, self.folder / f"server-{number}.log"))
            for number in range(processes)
        ]
        for server in self.servers:
            server.wait_until_ready()

    def front(self, stack: ExitStack, processes: int, connections: int) -> Front:
        """An nginx before so many of the processes."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        url = stack.enter_context(_nginx(folder, self.servers[:processes]))
        headers = {"Authorization": f"Bearer {self._site.log_in(url)}"}
        return Front(url, headers, connections, folder)

    def outdating(self) -> AbstractContextManager[None]:
        return self._site.outdating()

    def server_cpu_seconds(self) -> float:
        return sum(cpu_seconds(server.pid) for server in self.servers)


@contextmanager
def _nginx(folder: Path, servers: Sequence[ServeProcess]) -> Iterator[str]:
    port, config = free_port(), folder / "nginx.conf"
    ports = [server.port for server in servers]
    config.write_text(nginx_config(_NGINX.read_text(), folder, port, ports))
    command = [str(program("nginx")), "-c", str(config), "-e", f"{folder}/error.log"]
    # The workers write below a folder that is closed to others.
    with subprocess.Popen([*command, "-g", "daemon off; user root;"]) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: _answers(f"{url}/health"), "nginx does not answer")
            yield url
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


@dataclass(frozen=True)
class Ways:
    """The three ways of asking, each with the fronts that are asked at once."""

    one: Sequence[Front]
    scaled_out: Sequence[Front]
    apart: Sequence[Front]


class Bench:
    def __init__(self, deployments: Sequence[Deployment], progress: Progress) -> None:
        self._deployments = deployments
        self._progress = progress
        self._meters: Meters = {
            "server": lambda: sum(each.server_cpu_seconds() for each in deployments)
        }

    def rows(self, ways: Ways, seconds: int, rounds: int) -> Iterator[Row]:
        yield self._row("cached article", 100, ways, seconds, rounds)
        with ExitStack() as stack:
            for each in self._deployments:
                stack.enter_context(each.outdating())
            yield self._row("uncached article", articles.ARTICLES, ways, seconds, rounds)

    def _row(self, name: str, different: int, ways: Ways, seconds: int, rounds: int) -> Row:
        path = f"{DELIVERY}/article/article-{{{different}}}?expand=author"
        turns = (ways.one, ways.scaled_out, ways.apart)
        with self._progress.step(name):
            for fronts in turns:
                _load(fronts, path, _WARM_UP_SECONDS)
            costs = [
                [measured(partial(_load, fronts, path, seconds), self._meters) for fronts in turns]
                for _ in range(rounds)
            ]
        return Row(name, *(middle(each, "server") for each in zip(*costs, strict=True)))


def _load(fronts: Sequence[Front], path: str, seconds: int) -> Figures:
    with ThreadPoolExecutor(len(fronts)) as pool:
        return at_once(list(pool.map(lambda front: front.load(path, seconds), fronts)))


if __name__ == "__main__":
    main()
