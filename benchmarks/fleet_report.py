"""What the benchmark of a fleet has measured, and how it is shown."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.histograms import Buckets, buckets, quantile
from benchmarks.phases import Phase
from tests.controlplane.audit import Request

WAIT, WORK = "hcms_operator_queue_wait_seconds", "hcms_operator_reconcile_seconds"


@dataclass(frozen=True)
class Delays:
    """How long keys wait in the queue, and reconciles take: the median and p99, in seconds."""

    wait: tuple[float, float]
    work: tuple[float, float]


@dataclass(frozen=True)
class Step:
    """The fleet has grown to so many; memory in MiB once the operator is done."""

    tenants: int
    added: int
    phase: Phase
    resident: float


@dataclass(frozen=True)
class Restart:
    """How an operator finds the fleet when it starts: memory in MiB before and after it lists all
    again.
    """

    seconds: float
    cpu: float
    writes: int
    requests: int
    resync: list[Request]
    resident: float
    peak: float


def delays(before: str, after: str) -> Delays:
    def of(name: str) -> tuple[float, float]:
        old: Buckets = buckets(before, name)
        new: Buckets = buckets(after, name)
        return quantile(old, new, 0.5), quantile(old, new, 0.99)

    return Delays(of(WAIT), of(WORK))


def growth(step: Step) -> Iterator[str]:
    yield from phase_rows(f"to {step.tenants} tenants", step.phase, step.added)
    yield f"  {'resident memory, MiB':40}{step.resident:10.1f}"


def phase_rows(what: str, phase: Phase, count: int) -> Iterator[str]:
    writes = sum(request.is_write for request in phase.own)
    yield what
    for title, value in (
        ("seconds", phase.seconds),
        ("own requests, each", len(phase.own) / count),
        ("own writes, each", writes / count),
        ("requests of all users, each", phase.everybody / count),
        ("CPU seconds", phase.cpu),
    ):
        yield f"  {title:40}{value:10.1f}"


def delayed(what: str, found: Delays) -> Iterator[str]:
    yield what
    for title, (half, most) in (("queue wait", found.wait), ("reconcile", found.work)):
        yield f"  {title + ', p50 and p99, seconds':40}{half:10.3f}{most:10.3f}"


def restarted(found: Restart) -> Iterator[str]:
    writes = sum(one.is_write for one in found.resync)
    yield "restart with the fleet there"
    for title, value in (
        ("seconds until all were looked at", found.seconds),
        ("CPU seconds until then", found.cpu),
        ("writes", found.writes),
        ("requests", found.requests),
        ("resident memory, MiB", found.resident),
        ("requests of a full resync", len(found.resync)),
        ("its writes", writes),
        ("peak memory with it, MiB", found.peak),
    ):
        yield f"  {title:40}{value:10.1f}"
