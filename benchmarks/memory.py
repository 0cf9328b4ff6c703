"""The memory of one process over a million requests.

    python -m benchmarks.memory [--requests 1000000]

All articles are read again and again, cached and not, alone and in lists, while the content is
outdated each second for a part of the time: so the caches are filled, emptied and filled again.
Needs `wrk` (a Debian package).
"""

import argparse
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from benchmarks import articles, stores, wrk
from benchmarks.ours import DELIVERY, Ours
from benchmarks.showing import show
from benchmarks.usage import peak_mebibytes, resident_mebibytes
from benchmarks.wrk import Request
from tests.service.processes import ServeProcess

PARTS = 10
MOST_MEBIBYTES = 150e6 / 2**20
# How much more the last part may take than the third, by which the caches have been filled.
GROWTH = 1.05


@dataclass(frozen=True)
class Load:
    path: str
    seconds: int
    outdating: bool = False


_ARTICLE = f"{DELIVERY}/article/article-{{{articles.ARTICLES}}}"
LOADS = (
    Load(_ARTICLE, 5),
    Load(f"{_ARTICLE}?expand=author,tags", 1, outdating=True),
    Load(f"{DELIVERY}/article?filter[fields.price][gte]=-{{1000}}", 1, outdating=True),
)


@dataclass(frozen=True)
class Part:
    requests: int
    """Since the start."""
    resident: float
    """In MiB, as the peak."""
    peak: float


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=1_000_000)
    wanted: int = parser.parse_args().requests
    wrk.require()
    with ExitStack() as stack:
        folder, postgres, redis = stack.enter_context(stores.opened("memory"))
        site = Ours(postgres, redis, folder)
        site.prepare()
        site.fill()
        server = stack.enter_context(ServeProcess(site.environment(), folder / "log"))
        server.wait_until_ready()
        headers = {"Authorization": f"Bearer {site.log_in(server.url)}"}
        show(f"{'requests':>12}{'resident MiB':>14}{'peak':>8}")
        parts: list[Part] = []
        made = 0
        for number in range(1, PARTS + 1):
            while made < wanted * number / PARTS:
                made += _once(site, server, headers, folder, made)
            parts.append(Part(made, resident_mebibytes(server.pid), peak_mebibytes(server.pid)))
            show(f"{made:12}{parts[-1].resident:14.1f}{parts[-1].peak:8.1f}")
    show(verdict(parts))


def _once(
    site: Ours, server: ServeProcess, headers: dict[str, str], folder: Path, first: int
) -> int:
    made = 0
    for load in LOADS:
        with site.outdating() if load.outdating else nullcontext():
            request = Request(load.path, headers)
            made += wrk.load(server.url, request, load.seconds, folder, first + made).requests
    return made


def verdict(parts: list[Part]) -> str:
    growth = parts[-1].resident / parts[2].resident
    peak = parts[-1].peak
    return (
        f"peak {peak:.0f} MiB: {_reached(peak <= MOST_MEBIBYTES)} (150 MB); "
        f"growth since the third part {growth:.2f}: {_reached(growth <= GROWTH)} ({GROWTH:g})"
    )


def _reached(is_reached: bool) -> str:  # noqa: FBT001 - what it says
    return "reached" if is_reached else "missed"


if __name__ == "__main__":
    main()
