# ruff: noqa: S603 - the arguments are our own
"""One server process and three of them behind the nginx of deploy/.

    python -m benchmarks.scaling [--seconds 5] [--rounds 3]

Three processes run all the time; one nginx leads to the first alone, another to all of them with
three times the connections, and the two take turns. Three times the processes give more requests
only on a machine with a core for each, for nginx, PostgreSQL and the load; on others the CPU time
of a request tells whether they would. There each process has one connection: the more requests a
process finds at a time, the less each costs it, and of three that share two cores each finds fewer
than one that has a core to itself. Needs `wrk` (a Debian package).
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks import articles, stores, wrk
from benchmarks.cost import Cost, Meters, measured, middle
from benchmarks.ours import DELIVERY, Ours
from benchmarks.usage import cpu_seconds, family_cpu_seconds
from benchmarks.wrk import Request
from localcluster.progress import Progress
from tests.service.packages import program
from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.servers import Postgres, wait_until
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
    """An nginx before so many processes. `each` of them has as many connections as one alone."""

    url: str
    processes: int
    each: int

    @property
    def connections(self) -> int:
        return self.processes * self.each


@dataclass(frozen=True)
class Row:
    name: str
    one: Cost
    all: Cost

    @property
    def faster(self) -> float:
        return self.all.figures.rate / self.one.figures.rate

    @property
    def dearer(self) -> float:
        """The CPU time of a request in the server processes."""
        return self.all.cpu["server"] / self.one.cpu["server"]

    def verdict(self, cores: int) -> str:
        if cores >= CORES:
            return f"{'reached' if self.faster >= FASTER else '**missed**'}: {FASTER:g} times"
        return f"{'reached' if self.dearer <= DEARER else '**missed**'}: CPU {DEARER:g} times"


def table(rows: Sequence[Row], cores: int) -> str:
    rates = f"requests/s, 1 process | {PROCESSES} | times"
    costs = f"CPU ms a request, 1 process | {PROCESSES} | times"
    lines = [f"| {cores} cores | {rates} | {costs} | |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    for row in rows:
        cells = [row.name, f"{row.one.figures.rate:.0f}", f"{row.all.figures.rate:.0f}"]
        cells.append(f"{row.faster:.2f}")
        cells += [f"{cost.cpu['server']:.3f}" for cost in (row.one, row.all)]
        cells += [f"{row.dearer:.2f}", row.verdict(cores)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


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
        folder, postgres, redis = stack.enter_context(stores.opened("scaling"))
        site = Ours(postgres, redis, folder)
        with progress.step("articles"):
            site.prepare()
            site.fill()
        servers = []
        for number in range(PROCESSES):
            log = folder / f"server-{number}.log"
            servers.append(stack.enter_context(ServeProcess(site.environment(), log)))
        for server in servers:
            server.wait_until_ready()
        fronts = [
            Front(
                stack.enter_context(_nginx(folder / f"nginx-{count}", servers[:count])), count, each
            )
            for count in (1, PROCESSES)
        ]
        bench = Bench(site, postgres, servers, folder)
        rows = list(bench.rows(fronts, options.seconds, options.rounds))
    sys.stdout.write(f"{table(rows, cores)}\n")


@contextmanager
def _nginx(folder: Path, servers: Sequence[ServeProcess]) -> Iterator[str]:
    folder.mkdir()
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


class Bench:
    def __init__(
        self, site: Ours, postgres: Postgres, servers: Sequence[ServeProcess], folder: Path
    ) -> None:
        self._site = site
        self._folder = folder
        self._headers = {"Authorization": f"Bearer {site.log_in(servers[0].url)}"}
        self._meters: Meters = {
            "server": lambda: sum(cpu_seconds(server.pid) for server in servers),
            "PostgreSQL": lambda: family_cpu_seconds(postgres.pid),
        }

    def rows(self, fronts: Sequence[Front], seconds: int, rounds: int) -> Iterator[Row]:
        def row(name: str, different: int) -> Row:
            path = f"{DELIVERY}/article/article-{{{different}}}?expand=author"
            request = Request(path, self._headers)
            for front in fronts:
                self._load(front, request, _WARM_UP_SECONDS)
            costs = [
                [self._cost(front, request, seconds) for front in fronts] for _ in range(rounds)
            ]
            return Row(name, *(middle(each, "server") for each in zip(*costs, strict=True)))

        yield row("cached article", 100)
        with self._site.outdating():
            yield row("uncached article", articles.ARTICLES)

    def _cost(self, front: Front, request: Request, seconds: int) -> Cost:
        return measured(lambda: self._load(front, request, seconds), self._meters)

    def _load(self, front: Front, request: Request, seconds: int) -> wrk.Figures:
        return wrk.load(front.url, request, seconds, self._folder, connections=front.connections)


if __name__ == "__main__":
    main()
