"""The time from apply to Ready for 1, 50 and 100 HeadlessCMS objects on fake nodes; an idle minute.

    python -m benchmarks.bringup

The peer is a bare client that makes the same objects on a control plane of its own: what no
operator can do without. Figures are for comparing on one machine; nothing passes or fails here.
"""

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bare_client
from benchmarks.bare_client import Tenant
from benchmarks.controllers import OLD, Fleet
from benchmarks.phases import ADMIN, QUIET_SECONDS, Meter
from benchmarks.teams import Teams, names_of
from benchmarks.usage import cpu_seconds, peak_mebibytes
from localcluster import controlplane
from tests.controlplane.audit import AuditLog
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install

SIZES = (1, 50, 100)


@dataclass(frozen=True)
class Figures:
    """`seconds` from the first request until the last is Ready; requests of one or of all users."""

    tenants: int
    seconds: float
    requests: int
    writes: int
    everybody: int


ROWS: tuple[tuple[str, Callable[[Figures], float]], ...] = (
    ("seconds", lambda of: of.seconds),
    ("own requests, each", lambda of: of.requests / of.tenants),
    ("own writes, each", lambda of: of.writes / of.tenants),
    ("requests of all users, each", lambda of: of.everybody / of.tenants),
)


def main() -> None:
    fleets = _fleets()
    ours, objects = operator_makes(fleets)
    peer = peer_makes(objects)
    sys.stdout.write("\n".join([*table(ours, peer), ""]))


def _fleets() -> list[list[str]]:
    names = names_of(sum(SIZES))
    starts = [sum(SIZES[:position]) for position in range(len(SIZES))]
    return [names[start : start + size] for start, size in zip(starts, SIZES, strict=True)]


def operator_makes(fleets: Sequence[list[str]]) -> tuple[list[Figures], list[list[Tenant]]]:
    """Return what is measured, and the objects of each fleet's tenants for the peer."""
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    with controlplane.start("bench", stages=STAGES) as control_plane:
        install(control_plane)
        teams = Teams(control_plane, [name for names in fleets for name in names])
        teams.create()
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        try:
            meter = Meter(control_plane, Fleet(teams, operator.pid))
            figures = [measured(meter, names) for names in fleets]
            sys.stdout.write("\n".join([*idle(meter), *usage(operator.pid), ""]))
            objects = [bare_client.tenants_of(teams, names) for names in fleets]
        finally:
            operator.stop()
    return figures, objects


def measured(meter: Meter, names: list[str]) -> Figures:
    phase = meter.phase(names, OLD)
    writes = sum(request.is_write for request in phase.own)
    # Each HeadlessCMS is the user's request.
    everybody = phase.everybody + len(names)
    return Figures(len(names), phase.seconds, len(phase.own), writes, everybody)


def peer_makes(objects: Sequence[list[Tenant]]) -> list[Figures]:
    with controlplane.start("bench-bare", stages=STAGES) as control_plane:
        bare_client.prepare(control_plane, [own for tenants in objects for own in tenants])
        audit = AuditLog(control_plane.audit_log)
        figures = []
        for tenants in objects:
            place = audit.now()
            seconds = asyncio.run(bare_client.bring_up(control_plane, tenants))
            time.sleep(QUIET_SECONDS)
            asked = audit.since(place, user=None)
            own = [request for request in asked if request.user == ADMIN]
            writes = sum(request.is_write for request in own)
            figures.append(Figures(len(tenants), seconds, len(own), writes, len(asked)))
        return figures


def idle(meter: Meter) -> Iterator[str]:
    verbs = Counter(request.verb for request in meter.idle())
    found = ", ".join(f"{count} {verb}" for verb, count in sorted(verbs.items())) or "none"
    yield f"requests in an idle minute with {sum(SIZES)} objects, but of the Lease: {found}"


def usage(pid: int) -> Iterator[str]:
    yield f"memory of the operator: {peak_mebibytes(pid):.0f} MiB resident at most"
    yield f"CPU of the operator since its start: {cpu_seconds(pid):.1f} s"


def table(ours: Sequence[Figures], peer: Sequence[Figures]) -> Iterator[str]:
    yield f"{'tenants':34}" + "".join(f"{of.tenants:20}" for of in ours)
    yield f"{'':34}" + "".join(f"{'operator':>11}{'bare':>9}" for _ in ours)
    for what, of in ROWS:
        pairs = zip(ours, peer, strict=True)
        yield f"{what:34}" + "".join(f"{of(mine):11.1f}{of(its):9.1f}" for mine, its in pairs)
    ratios = (mine.seconds / its.seconds for mine, its in zip(ours, peer, strict=True))
    yield f"{'seconds, of the bare client':34}" + "".join(f"{ratio:20.2f}" for ratio in ratios)


if __name__ == "__main__":
    main()
