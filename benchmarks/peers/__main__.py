"""Our CMS beside Directus and Strapi: the same articles in the same PostgreSQL.

    python -m benchmarks.peers [--seconds 10] [--alone]

One server process each, one after the other. npm installs the peers into the cache, pinned by hash.
"""

import argparse
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import httpx

from benchmarks import stores, wrk
from benchmarks.cost import Meters, measured
from benchmarks.peers import node
from benchmarks.peers.directus import Directus
from benchmarks.peers.our_cms import OurCms
from benchmarks.peers.strapi import Strapi
from benchmarks.peers.system import Case, Server, System, differences
from benchmarks.peers.table import Measured, figures_table, ratios, ratios_table
from benchmarks.usage import cpu_seconds, family_cpu_seconds, peak_mebibytes
from benchmarks.wrk import Request
from localcluster.progress import Progress
from tests.service.servers import Postgres, Redis

# Node.js compiles what is asked for often, in the meantime.
_WARM_UP_SECONDS = 10
# So that no two loads make the same slugs.
_APART = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--alone", action="store_true", help="without the peers")
    options = parser.parse_args()
    progress = Progress()
    missing = [] if wrk.is_there() else ["wrk"]
    missing += [] if options.alone else node.missing_tools()
    if missing:
        sys.exit(f"missing: apt-get install {' '.join(missing)}")
    try:
        peers = None if options.alone else node.installed(progress)
    except node.NodeError as error:
        sys.exit(str(error))
    failure = None
    with stores.opened("peers") as (folder, postgres, redis):
        bench = Bench(options.seconds, postgres, folder, progress)
        try:
            for system in _systems(peers, postgres, redis, folder):
                bench.measure(system)
        except (node.NodeError, wrk.LoadError) as error:
            failure = str(error)
    sys.stdout.write(f"{bench.report()}\n")
    sys.exit(failure)


def _systems(
    peers: node.Node | None, postgres: Postgres, redis: Redis, folder: Path
) -> Iterator[System]:
    yield OurCms(postgres, redis, _made(folder / "ours"))
    if peers is not None:
        directus = Directus(peers, postgres, _made(folder / "directus"))
        yield directus
        yield directus.with_cache(redis)
        yield Strapi(peers, postgres, _made(folder / "strapi"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


class Bench:
    def __init__(self, seconds: int, postgres: Postgres, folder: Path, progress: Progress) -> None:
        self._seconds = seconds
        self._postgres = postgres
        self._folder = folder
        self._progress = progress
        self._first = count(0, _APART)
        self._measured: list[Measured] = []
        self._memory: dict[str, float] = {}

    def measure(self, system: System) -> None:
        with self._progress.step(f"{system.name}: prepared"):
            system.prepare()
        with system.serving() as server:
            for case in system.cases:
                name = f"{case.row}, cached" if case.cached else case.row
                with self._progress.step(f"{system.name}: {name}") as step:
                    self._measure(system, case, server)
                    step.detail(f"{self._measured[-1].figures.rate:.0f} requests/s")
            self._memory[system.name] = peak_mebibytes(server.pid)

    def report(self) -> str:
        found = list(ratios(OurCms.name, self._measured, self._memory))
        tables = [figures_table(self._measured, self._memory)]
        return "\n\n".join([*tables, ratios_table(found)] if found else tables)

    def _measure(self, system: System, case: Case, server: Server) -> None:
        request = system.request(case, server)
        self._check(system, case, server, request)
        with system.under(case):
            self._load(server, request, _WARM_UP_SECONDS)
            cost = measured(
                lambda: self._load(server, request, self._seconds), self._meters(server)
            )
        self._measured.append(Measured(system.name, case, cost))

    def _meters(self, server: Server) -> Meters:
        return {
            "server": lambda: cpu_seconds(server.pid),
            "PostgreSQL": lambda: family_cpu_seconds(self._postgres.pid),
        }

    def _load(self, server: Server, request: Request, seconds: int) -> wrk.Figures:
        return wrk.load(server.url, request, seconds, self._folder, next(self._first))

    def _check(self, system: System, case: Case, server: Server, request: Request) -> None:
        sent = request.filled(next(self._first))
        answer = httpx.request(
            sent.method,
            f"{server.url}{sent.path}",
            headers=dict(sent.headers),
            content=sent.body,
            timeout=30,
        )
        if answer.is_error or (found := differences(case.row, answer.text)):
            why = answer.text[:500] if answer.is_error else "; ".join(found)
            raise wrk.LoadError(f"{system.name}: {case.row}: {answer.status_code}: {why}")


if __name__ == "__main__":
    main()
