"""A thousand HeadlessCMS objects on one operator, with fake nodes; Argo Rollouts beside it.

    python -m benchmarks.fleet --tenants 1000

The fleet grows in three steps, is idle, is changed at 20 objects a second, gets a release, and its
operator starts again. Argo Rollouts brings up and rolls as many Rollouts of three pods, and a bare
client the same objects in the same steps. Each has a control plane to itself. Nothing passes or
fails.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bare_client
from benchmarks.bare_client import Tenant
from benchmarks.controllers import NEW, OLD, PODS, Fleet, argo_at_work, pod_templates
from benchmarks.fleet_report import Restart, Step, delayed, delays, growth, phase_rows, restarted
from benchmarks.histograms import total
from benchmarks.phases import QUIET_SECONDS, Meter
from benchmarks.showing import show
from benchmarks.teams import Teams, names_of
from benchmarks.usage import cpu_seconds, peak_mebibytes, resident_mebibytes
from cms_operator.cluster.kinds import POD
from localcluster import controlplane
from localcluster.fakenodes import PODS_OF_A_NODE
from tests.controlplane.api import Object
from tests.controlplane.audit import Request
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import eventually

CHANGES_A_SECOND = 20
CHANGE_SECONDS = 15
RESYNC_SECONDS = 60
PATIENCE = 3600


@dataclass(frozen=True)
class Run:
    """The operator at work on its fleet, of which there may be only some yet."""

    meter: Meter
    operator: OperatorProcess
    fleet: Fleet
    teams: Teams
    names: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [--tenants N] [--alone]")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--alone", action="store_true", help="without Argo Rollouts")
    asked = parser.parse_args()
    names = names_of(asked.tenants)
    sizes = [asked.tenants // 4, asked.tenants // 2, asked.tenants]
    templates, objects = measure_ours(names, sizes)
    measure_bare(objects, nodes_for(asked.tenants))
    if not asked.alone:
        measure_argo(names, templates)


def measure_ours(
    names: list[str], sizes: list[int]
) -> tuple[dict[str, Object], list[list[Tenant]]]:
    """Return what the peers need: pods by tenant, and all objects of each tenant, by step."""
    with ours_at_work(names) as run:
        objects = grow(run, sizes)
        templates = pod_templates(run.teams)
        idle(run)
        change(run)
        release(run)
        show("\n".join(restarted(restart(run))))
        return templates, objects


@contextmanager
def ours_at_work(names: list[str]) -> Iterator[Run]:
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    nodes = nodes_for(len(names))
    with controlplane.start("bench-fleet", nodes=nodes, stages=STAGES) as control_plane:
        install(control_plane)
        teams = Teams(control_plane, names)
        teams.create()
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        try:
            fleet = Fleet(teams, operator.pid)
            yield Run(Meter(control_plane, fleet, PATIENCE), operator, fleet, teams, names)
        finally:
            operator.stop()


def grow(run: Run, sizes: list[int]) -> list[list[Tenant]]:
    """Return the objects of each tenant, by step."""
    objects = []
    for start, end in zip([0, *sizes], sizes, strict=False):
        phase = run.meter.phase(run.names[start:end], OLD)
        show("\n".join(growth(Step(end, end - start, phase, resident_mebibytes(run.operator.pid)))))
        objects.append(bare_client.tenants_of(run.teams, run.names[start:end]))
    return objects


def idle(run: Run) -> None:
    show(f"requests in an idle minute, but of the Lease: {len(run.meter.idle())}")


def change(run: Run) -> None:
    before, started = run.operator.metrics(), time.monotonic()
    for number, name in enumerate(run.names[: CHANGES_A_SECOND * CHANGE_SECONDS]):
        time.sleep(max(0.0, started + number / CHANGES_A_SECOND - time.monotonic()))
        run.fleet.grow(name)
    eventually(run.meter.is_quiet, "the operator is done", PATIENCE)
    found = delays(before, run.operator.metrics())
    show("\n".join(delayed(f"{CHANGES_A_SECOND} changes a second", found)))


def release(run: Run) -> None:
    before = run.operator.metrics()
    rolled = run.meter.phase(run.names, NEW)
    show("\n".join(phase_rows("release", rolled, len(run.names))))
    show("\n".join(delayed("release", delays(before, run.operator.metrics()))))
    show(f"  {'peak memory, MiB':40}{peak_mebibytes(run.operator.pid):10.1f}")


def restart(run: Run) -> Restart:
    """Another operator in place of the run's, which ends."""
    meter, count = run.meter, len(run.names)
    run.operator.stop()
    environment = {"HCMS_RESYNC_SECONDS": str(RESYNC_SECONDS)}
    operator = run.operator.another("again", environment=environment)
    place, started = meter.audit.now(), time.monotonic()
    operator.start()
    try:
        eventually(lambda: is_caught_up(operator, count), "all were looked at", PATIENCE)
        seconds, cpu = time.monotonic() - started, cpu_seconds(operator.pid)
        eventually(meter.is_quiet, "the operator is done", PATIENCE)
        asked, resident = meter.audit.since(place), resident_mebibytes(operator.pid)
        place = meter.audit.now()
        eventually(lambda: lists_pods(meter.audit.since(place)), "it lists all again", PATIENCE)
        eventually(meter.is_quiet, "the operator is done", PATIENCE)
        writes = sum(one.is_write and not one.resource.endswith("/leases") for one in asked)
        resync = meter.audit.since(place)
        peak = peak_mebibytes(operator.pid)
        return Restart(seconds, cpu, writes, len(asked), resync, resident, peak)
    finally:
        operator.stop()


def nodes_for(tenants: int) -> int:
    """A tenant's pods, and one more that migrates or takes over."""
    return max(controlplane.DEFAULT_NODES, -(-tenants * (PODS + 1) // PODS_OF_A_NODE))


def is_caught_up(operator: OperatorProcess, count: int) -> bool:
    waiting, done = "hcms_operator_queue_depth", "hcms_operator_reconciles_total"
    text = operator.metrics(waiting, done)
    return total(text, done) >= count and not total(text, waiting)


def lists_pods(asked: list[Request]) -> bool:
    return any(one.verb == "list" and one.resource.endswith(POD.plural) for one in asked)


def measure_bare(steps: list[list[Tenant]], nodes: int) -> None:
    """The same objects in the same steps on as many nodes, without an operator."""
    with controlplane.start("bench-bare", nodes=nodes, stages=STAGES) as control_plane:
        bare_client.prepare(control_plane, [objects for step in steps for objects in step])
        for tenants in steps:
            seconds = asyncio.run(bare_client.bring_up(control_plane, tenants))
            count = sum(len(objects) for objects in tenants)
            show(f"bare client: {count} objects of {len(tenants)} tenants: {seconds:.1f} s")
            time.sleep(QUIET_SECONDS)


def measure_argo(names: list[str], templates: dict[str, Object]) -> None:
    with argo_at_work(names, templates) as (control_plane, argo):
        meter = Meter(control_plane, argo, PATIENCE)
        show("\n".join(phase_rows("Argo Rollouts: create", meter.phase(names, OLD), len(names))))
        writes = sum(one.is_write for one in meter.idle())
        show(f"Argo Rollouts: writes in an idle minute: {writes}")
        show("\n".join(phase_rows("Argo Rollouts: release", meter.phase(names, NEW), len(names))))
        show(f"  {'peak memory, MiB':40}{peak_mebibytes(argo.pid):10.1f}")


if __name__ == "__main__":
    main()
