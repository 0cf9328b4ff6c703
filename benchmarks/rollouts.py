"""A canary of 34 and 67 % of many three-pod tenants at once, by the operator and by Argo Rollouts.

    python -m benchmarks.rollouts --tenants 200

Each has a control plane with fake nodes to itself, makes the same pods behind a Service and with a
budget, and asks as fast as it can: no pauses, no analysis, no bake, no migrations. Figures are for
comparing on one machine; nothing passes or fails here.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.controllers import (
    NEW,
    OLD,
    PODS,
    Controller,
    Ours,
    argo_at_work,
    pod_templates,
)
from benchmarks.phases import Meter, Phase
from benchmarks.teams import Teams, names_of
from benchmarks.usage import peak_mebibytes
from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.audit import Request
from tests.controlplane.operator_process import OperatorProcess, install

MOST_ASKED = 8


@dataclass(frozen=True)
class Figures:
    created: Phase
    rolled: Phase
    idle_writes: int
    peak_mebibytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [--tenants N] [--alone]")
    parser.add_argument("--tenants", type=int, default=200)
    parser.add_argument("--alone", action="store_true", help="without Argo Rollouts")
    asked = parser.parse_args()
    names = names_of(asked.tenants)
    ours, templates = measure_ours(names)
    figures = {"operator": ours}
    if not asked.alone:
        figures["Argo"] = measure_argo(names, templates)
    sys.stdout.write("\n".join(report(len(names), figures)) + "\n")


def measure_ours(names: list[str]) -> tuple[Figures, dict[str, Object]]:
    """Return the pods that it makes too, for the peer."""
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    with controlplane.start("bench-operator") as control_plane, ExitStack() as stack:
        install(control_plane)
        teams = Teams(control_plane, names)
        teams.create()
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        stack.callback(operator.stop)
        figures = measure(control_plane, Ours(teams, operator.pid), names)
        return figures, pod_templates(teams)


def measure_argo(names: list[str], templates: dict[str, Object]) -> Figures:
    with argo_at_work(names, templates) as (control_plane, argo):
        return measure(control_plane, argo, names)


def measure(control_plane: ControlPlane, controller: Controller, names: list[str]) -> Figures:
    meter = Meter(control_plane, controller)
    created = meter.phase(names, OLD)
    rolled = meter.phase(names, NEW)
    writes = sum(request.is_write for request in meter.idle())
    return Figures(created, rolled, writes, peak_mebibytes(controller.pid))


def report(count: int, figures: dict[str, Figures]) -> Iterator[str]:
    columns = list(figures.values())
    yield f"{count} tenants of {PODS} pods{'':20}" + "".join(f"{name:>12}" for name in figures)
    for what, of in (("create", "created"), ("roll 34, 67", "rolled")):
        phases: list[Phase] = [getattr(column, of) for column in columns]
        yield row(f"{what}: seconds", [phase.seconds for phase in phases])
        yield row("  own requests, each", [len(phase.own) / count for phase in phases])
        writes = [sum(request.is_write for request in phase.own) for phase in phases]
        yield row("  own writes, each", [number / count for number in writes])
        yield row("  requests of all users, each", [phase.everybody / count for phase in phases])
        yield row("  CPU seconds", [phase.cpu for phase in phases])
    yield row("peak memory, MiB", [column.peak_mebibytes for column in columns])
    yield row("writes in an idle minute", [column.idle_writes for column in columns])
    for name, column in figures.items():
        yield f"own requests of {name} in a roll, each: {most_asked(column.rolled.own, count)}"


def row(what: str, values: list[float]) -> str:
    return f"{what:42}" + "".join(f"{value:12.1f}" for value in values)


def most_asked(requests: list[Request], count: int) -> str:
    asked = Counter((request.verb, request.resource.partition("/")[2]) for request in requests)
    most = asked.most_common(MOST_ASKED)
    return ", ".join(f"{verb} {plural} {times / count:.1f}" for (verb, plural), times in most)


if __name__ == "__main__":
    main()
