"""What the benchmark of a fleet has measured, and how it is shown."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan

from benchmarks.histograms import Buckets, quantile
from benchmarks.phases import Phase
from tests.controlplane.audit import Request

# A figure by what it tells; the order is the table's.
Figures = dict[str, float]

OURS, BARE, ARGO = "operator", "bare client", "Argo Rollouts"
# What has to be reached, by the end of what a figure tells.
LIMITS = {
    "beside the bare client, times as long": "1.5",
    "for each further one, KB": "60",
    "idle minute: requests, but for the Lease": "0",
    "changes a second: queue wait p99, s": "1",
    "changes a second: reconcile p99, s": "5",
    "release: peak memory, MiB": "256 MB",
    "restart: seconds until all were looked at": "15",
    "restart: writes": "0",
    "full resync: writes": "0",
    "full resync: peak memory, MiB": "256 MB",
}


@dataclass(frozen=True)
class Look:
    """What a controller tells of its work: how long keys have waited and passes have taken since
    it began, how many keys wait now, and how many passes are over.
    """

    wait: Buckets
    work: Buckets
    waiting: float
    done: float


def step_name(tenants: int) -> str:
    return f"to {tenants} tenants"


def phase(what: str, found: Phase, count: int) -> Figures:
    """What `count` tenants have cost until all of them were as they are wanted."""
    writes = sum(request.is_write for request in found.own)
    return {
        f"{what}: seconds": found.seconds,
        f"{what}: own requests, each": len(found.own) / count,
        f"{what}: own writes, each": writes / count,
        f"{what}: requests of all users, each": found.everybody / count,
        f"{what}: CPU, s": found.cpu,
    }


def memory(tenants: int, resident: float, before: tuple[int, float] | None) -> Figures:
    """`resident` is in MiB; `before` are the tenants and the memory of the step before."""
    what = step_name(tenants)
    found = {f"{what}: resident memory, MiB": resident}
    if before:
        grown = (resident - before[1]) * 2**10 / (tenants - before[0])
        found[f"{what}: for each further one, KB"] = grown
    return found


def delays(what: str, before: Look, after: Look) -> Figures:
    """How long keys have waited in the queue, and passes taken, between two looks."""
    spans = (("queue wait", before.wait, after.wait), ("reconcile", before.work, after.work))
    return {
        f"{what}: {title} {word}, s": quantile(old, new, share)
        for title, old, new in spans
        for word, share in (("p50", 0.5), ("p99", 0.99))
    }


def asked_for(what: str, asked: Iterable[Request]) -> Figures:
    own = [one for one in asked if not one.resource.endswith("/leases")]
    return {
        f"{what}: requests, but for the Lease": len(own),
        f"{what}: writes": sum(one.is_write for one in own),
    }


def times_as_long(ours: Figures, bare: Figures) -> Figures:
    longer = sum(ours[what] for what in bare) / sum(bare.values())
    return {"all steps beside the bare client, times as long": longer}


def lines(found: Figures) -> Iterator[str]:
    for what, value in found.items():
        yield f"{what:56}{number(value):>10}"


def table(columns: Mapping[str, Figures]) -> Iterator[str]:
    """Yield the lines of a Markdown table: a row for each figure, and what is to be reached."""
    yield f"| | {' | '.join(columns)} | to reach |"
    yield "| --- " * (len(columns) + 2) + "|"
    for what in dict.fromkeys(what for figures in columns.values() for what in figures):
        cells = [number(figures[what]) if what in figures else "" for figures in columns.values()]
        limit = next((word for end, word in LIMITS.items() if what.endswith(end)), "")
        yield f"| {' | '.join((what, *cells, limit))} |"


def number(value: float) -> str:
    if isnan(value):
        return "-"
    if value == int(value):
        return str(int(value))
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"  # noqa: PLR2004 - four digits at most
