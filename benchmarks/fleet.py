"""A thousand HeadlessCMS objects on one operator, with fake nodes; Argo Rollouts beside it.

    python -m benchmarks.fleet --tenants 1000

The fleet grows in three steps, is idle, is changed at 20 objects a second, gets a release, and its
operator starts again; the same with as many Rollouts of three pods on Argo Rollouts. A bare client
brings up the same objects in the same steps. Each has a control plane to itself. In the end a table
is told with a column for each; nothing passes or fails.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import bare_client, fleet_report
from benchmarks.bare_client import Tenant
from benchmarks.controllers import NEW, OLD, PODS, argo_at_work, pod_templates
from benchmarks.fleet_report import ARGO, BARE, OURS, Figures, step_name
from benchmarks.phases import QUIET_SECONDS, Meter
from benchmarks.programs import ArgoRollouts, Operator, Program
from benchmarks.showing import show
from benchmarks.teams import Teams, names_of
from benchmarks.usage import cpu_seconds, peak_mebibytes, resident_mebibytes
from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from localcluster.fakenodes import PODS_OF_A_NODE
from tests.controlplane.api import Object
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import eventually

CHANGES_A_SECOND = 20
CHANGE_SECONDS = 15
PATIENCE = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [--tenants N] [--alone]")
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--alone", action="store_true", help="without Argo Rollouts")
    asked = parser.parse_args()
    names = names_of(asked.tenants)
    sizes = [asked.tenants // 4, asked.tenants // 2, asked.tenants]
    ours, templates, objects = measure_ours(names, sizes)
    bare = measure_bare(objects, nodes_for(asked.tenants))
    columns = {OURS: ours | fleet_report.times_as_long(ours, bare), BARE: bare}
    if not asked.alone:
        columns[ARGO] = measure_argo(names, sizes, templates)
    show("\n".join(["", *fleet_report.table(columns)]))


def measure_ours(
    names: list[str], sizes: list[int]
) -> tuple[Figures, dict[str, Object], list[list[Tenant]]]:
    """Return what the peers need, too: pods by tenant, and all objects of each tenant, by step."""
    templates: dict[str, Object] = {}
    objects: list[list[Tenant]] = []
    with ours_at_work(names) as (control_plane, teams, operator):

        def keep(added: list[str]) -> None:
            objects.append(bare_client.tenants_of(teams, added))
            templates.update(pod_templates(teams))

        return Run(control_plane, operator, names).measure(sizes, keep), templates, objects


def measure_argo(names: list[str], sizes: list[int], templates: dict[str, Object]) -> Figures:
    with argo_at_work(names, templates, nodes_for(len(names))) as (control_plane, argo):
        show(ARGO)
        run = Run(control_plane, ArgoRollouts(control_plane, argo), names)
        return run.measure(sizes, lambda _: None)


def measure_bare(steps: list[list[Tenant]], nodes: int) -> Figures:
    """The same objects in the same steps on as many nodes, without an operator."""
    found, count = Figures(), 0
    with controlplane.start("bench-bare", nodes=nodes, stages=STAGES) as control_plane:
        show(BARE)
        bare_client.prepare(control_plane, [objects for step in steps for objects in step])
        for tenants in steps:
            count += len(tenants)
            seconds = asyncio.run(bare_client.bring_up(control_plane, tenants))
            found |= told({f"{step_name(count)}: seconds": seconds})
            time.sleep(QUIET_SECONDS)
    return found


@contextmanager
def ours_at_work(names: list[str]) -> Iterator[tuple[ControlPlane, Teams, Operator]]:
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    nodes = nodes_for(len(names))
    with controlplane.start("bench-fleet", nodes=nodes, stages=STAGES) as control_plane:
        install(control_plane)
        teams = Teams(control_plane, names)
        teams.create()
        process = OperatorProcess(control_plane, folder / "operator.log")
        process.start()
        operator = Operator(process, teams)
        try:
            yield control_plane, teams, operator
        finally:
            operator.stop()


def told(found: Figures) -> Figures:
    """Show figures as soon as they are measured: a run may not come to its end."""
    show("\n".join(fleet_report.lines(found)))
    return found


@dataclass(frozen=True)
class Run:
    """A program at work on its fleet, of which there may be only some yet."""

    control_plane: ControlPlane
    program: Program
    names: list[str]

    def measure(self, sizes: list[int], grown: Callable[[list[str]], None]) -> Figures:
        """`grown` is told who was added in each step."""
        meter = Meter(self.control_plane, self.program.controller, PATIENCE)
        found = self._grow(meter, sizes, grown)
        found |= told(fleet_report.asked_for("an idle minute", meter.idle()))
        found |= told(self._change(meter))
        found |= told(self._release(meter))
        return found | told(self._start_again(meter))

    def _grow(self, meter: Meter, sizes: list[int], grown: Callable[[list[str]], None]) -> Figures:
        found, before = Figures(), None
        for start, end in zip([0, *sizes], sizes, strict=False):
            added = self.names[start:end]
            phase = meter.phase(added, OLD)
            resident = resident_mebibytes(self.program.controller.pid)
            figures = fleet_report.phase(step_name(end), phase, len(added))
            found |= told(figures | fleet_report.memory(end, resident, before))
            before = end, resident
            grown(added)
        return found

    def _change(self, meter: Meter) -> Figures:
        before, started = self.program.look(), time.monotonic()
        for number, name in enumerate(self.names[: CHANGES_A_SECOND * CHANGE_SECONDS]):
            time.sleep(max(0.0, started + number / CHANGES_A_SECOND - time.monotonic()))
            self.program.controller.grow(name)
        self._wait(meter)
        what = f"{CHANGES_A_SECOND} changes a second"
        return fleet_report.delays(what, before, self.program.look())

    def _release(self, meter: Meter) -> Figures:
        before = self.program.look()
        found = fleet_report.phase("a release", meter.phase(self.names, NEW), len(self.names))
        found |= fleet_report.delays("a release", before, self.program.look())
        peak = peak_mebibytes(self.program.controller.pid)
        return found | {"a release: peak memory, MiB": peak}

    def _start_again(self, meter: Meter) -> Figures:
        """A restart with the fleet there, and then a look at all of it without a reason."""
        program, audit = self.program, meter.audit
        place, started = audit.now(), time.monotonic()
        program.again()
        eventually(self._is_caught_up, "all were looked at", PATIENCE)
        seconds, cpu = time.monotonic() - started, cpu_seconds(program.controller.pid)
        self._wait(meter)
        resident = resident_mebibytes(program.controller.pid)
        found = {
            "a restart: seconds until all were looked at": seconds,
            "a restart: CPU until then, s": cpu,
            **fleet_report.asked_for("a restart", audit.since(place, program.controller.user)),
            "a restart: resident memory, MiB": resident,
        }
        place, before = audit.now(), program.look()

        def has_looked_again() -> bool:
            asked = audit.since(place, program.controller.user)
            return program.has_looked_again(before, asked, len(self.names))

        eventually(has_looked_again, "it looks at all again", PATIENCE)
        self._wait(meter)
        asked = audit.since(place, program.controller.user)
        peak = peak_mebibytes(program.controller.pid)
        found |= fleet_report.asked_for("a full resync", asked)
        return found | {"a full resync: peak memory, MiB": peak}

    def _is_caught_up(self) -> bool:
        found = self.program.look()
        return found.done >= len(self.names) and not found.waiting

    def _wait(self, meter: Meter) -> None:
        eventually(meter.is_quiet, "it is done", PATIENCE)


def nodes_for(tenants: int) -> int:
    """A tenant's pods, and one more that migrates or takes over."""
    return max(controlplane.DEFAULT_NODES, -(-tenants * (PODS + 1) // PODS_OF_A_NODE))


if __name__ == "__main__":
    main()
