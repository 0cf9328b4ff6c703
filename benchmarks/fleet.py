"""A thousand HeadlessCMS objects on one operator, with fake nodes; Argo Rollouts beside it.

    python -m benchmarks.fleet --tenants 1000

The fleet grows in three steps, is idle, is changed at 20 objects a second, gets a release, and its
operator starts again. Argo Rollouts brings up and rolls as many Rollouts of three pods, and a bare
client the objects of the first step. Each has a control plane to itself. Nothing passes or fails.
"""

import argparse
import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import fleet_client
from benchmarks.histograms import Buckets, buckets, quantile, total
from benchmarks.rollouts import (
    CANARY,
    IDLE_SECONDS,
    NEW,
    OLD,
    PODS,
    Bench,
    Ours,
    Phase,
    argo_at_work,
    pod_templates,
)
from benchmarks.showing import show
from benchmarks.teams import Teams, names_of
from benchmarks.usage import cpu_seconds, peak_mebibytes, resident_mebibytes
from cms_operator.cluster.kinds import CHILDREN, POD
from localcluster import controlplane
from localcluster.fakenodes import PODS_OF_A_NODE
from tests.controlplane.api import Object
from tests.controlplane.audit import Request
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import eventually

WAIT, WORK = "hcms_operator_queue_wait_seconds", "hcms_operator_reconcile_seconds"
CHANGES_A_SECOND = 20
CHANGE_SECONDS = 15
RESYNC_SECONDS = 60
PATIENCE = 3600


@dataclass(frozen=True)
class Delays:
    """Of the queue and of reconciles, in seconds."""

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
    """Of an operator that finds the fleet: memory in MiB before and after it lists all again."""

    seconds: float
    cpu: float
    writes: int
    requests: int
    resync: list[Request]
    resident: float
    peak: float


class Fleet(Ours):
    """With everything that a HeadlessCMS has by default: its migration, too."""

    def apply(self, name: str, image: str) -> None:
        # A cluster has node ports for 2,768 Services of the other types.
        service = {"type": "ClusterIP"}
        self._teams.of(name).make(name, image=image, replicas=PODS, rollout=CANARY, service=service)

    def grow(self, name: str) -> None:
        self._teams.of(name).patch("headlesscms", name, {"spec": {"replicas": PODS + 1}})


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


def measure_ours(names: list[str], sizes: list[int]) -> tuple[dict[str, Object], list[Object]]:
    """Return what the peers need: pods by tenant, and all objects of the first step."""
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    nodes = nodes_for(len(names))
    with ExitStack() as stack:
        control_plane = stack.enter_context(
            controlplane.start("bench-fleet", nodes=nodes, stages=STAGES)
        )
        install(control_plane)
        teams = Teams(control_plane, names)
        teams.create()
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        stack.callback(operator.stop)
        fleet = Fleet(teams, operator.pid)
        bench = Bench(control_plane, fleet, PATIENCE)
        objects: list[Object] = []
        for start, end in zip([0, *sizes], sizes, strict=False):
            phase = bench.phase(names[start:end], OLD)
            grown = Step(end, end - start, phase, resident_mebibytes(operator.pid))
            show("\n".join(growth(grown)))
            objects = objects or children(teams)
        templates = pod_templates(teams)
        place = bench.audit.now()
        time.sleep(IDLE_SECONDS)
        idle = [one for one in bench.audit.since(place) if not one.resource.endswith("/leases")]
        show(f"requests in an idle minute, but of the Lease: {len(idle)}")
        show("\n".join(delayed("20 changes a second", change(bench, operator, fleet, names))))
        before = operator.metrics()
        rolled = bench.phase(names, NEW)
        show("\n".join(phase_rows("release", rolled, len(names))))
        show("\n".join(delayed("release", delays(before, operator.metrics()))))
        show(f"  {'peak memory, MiB':40}{peak_mebibytes(operator.pid):10.1f}")
        operator.stop()
        operator = operator.another(
            "again", environment={"HCMS_RESYNC_SECONDS": str(RESYNC_SECONDS)}
        )
        show("\n".join(restarted(restart(bench, operator, len(names)))))
        return templates, objects


def nodes_for(tenants: int) -> int:
    """A tenant's pods, and one more that migrates or takes over."""
    return max(controlplane.DEFAULT_NODES, -(-tenants * (PODS + 1) // PODS_OF_A_NODE))


def children(teams: Teams) -> list[Object]:
    """Of all tenants, as a client would create them."""
    found = []
    for kind in CHILDREN:
        if not kind.writable or kind.optional:
            continue
        for child in teams.all(kind.name.lower()):
            if "ownerReferences" in child["metadata"]:
                is_of = {"apiVersion": kind.api_version, "kind": kind.name}
                found.append(fleet_client.bare({**is_of, **child}))
    return found


def change(bench: Bench, operator: OperatorProcess, fleet: Fleet, names: list[str]) -> Delays:
    before, started = operator.metrics(), time.monotonic()
    for number, name in enumerate(names[: CHANGES_A_SECOND * CHANGE_SECONDS]):
        time.sleep(max(0.0, started + number / CHANGES_A_SECOND - time.monotonic()))
        fleet.grow(name)
    eventually(bench.is_quiet, "the operator is done", PATIENCE)
    return delays(before, operator.metrics())


def delays(before: str, after: str) -> Delays:
    def of(name: str) -> tuple[float, float]:
        old: Buckets = buckets(before, name)
        new: Buckets = buckets(after, name)
        return quantile(old, new, 0.5), quantile(old, new, 0.99)

    return Delays(of(WAIT), of(WORK))


def restart(bench: Bench, operator: OperatorProcess, count: int) -> Restart:
    place, started = bench.audit.now(), time.monotonic()
    operator.start()
    try:
        eventually(lambda: is_caught_up(operator, count), "all were looked at", PATIENCE)
        seconds, cpu = time.monotonic() - started, cpu_seconds(operator.pid)
        eventually(bench.is_quiet, "the operator is done", PATIENCE)
        asked, resident = bench.audit.since(place), resident_mebibytes(operator.pid)
        place = bench.audit.now()
        eventually(lambda: lists_pods(bench.audit.since(place)), "it lists all again", PATIENCE)
        eventually(bench.is_quiet, "the operator is done", PATIENCE)
        writes = sum(one.is_write and not one.resource.endswith("/leases") for one in asked)
        resync = bench.audit.since(place)
        peak = peak_mebibytes(operator.pid)
        return Restart(seconds, cpu, writes, len(asked), resync, resident, peak)
    finally:
        operator.stop()


def is_caught_up(operator: OperatorProcess, count: int) -> bool:
    waiting, done = "hcms_operator_queue_depth", "hcms_operator_reconciles_total"
    text = operator.metrics(waiting, done)
    return total(text, done) >= count and not total(text, waiting)


def lists_pods(asked: list[Request]) -> bool:
    return any(one.verb == "list" and one.resource.endswith(POD.plural) for one in asked)


def measure_bare(objects: list[Object], nodes: int) -> None:
    """One more of the first step on as many nodes, without an operator."""
    tenants: defaultdict[str, list[Object]] = defaultdict(list)
    for found in objects:
        tenants[found["metadata"]["labels"]["app.kubernetes.io/instance"]].append(found)
    with controlplane.start("bench-bare", nodes=nodes, stages=STAGES) as control_plane:
        Teams(control_plane, list(tenants)).create()
        seconds = asyncio.run(fleet_client.bring_up(control_plane.kubeconfig, tenants.values()))
    show(f"bare client: the same {len(objects)} objects of {len(tenants)} tenants: {seconds:.1f} s")


def measure_argo(names: list[str], templates: dict[str, Object]) -> None:
    with argo_at_work(names, templates) as (control_plane, argo):
        bench = Bench(control_plane, argo, PATIENCE)
        show("\n".join(phase_rows("Argo Rollouts: create", bench.phase(names, OLD), len(names))))
        place = bench.audit.now()
        time.sleep(IDLE_SECONDS)
        idle = bench.audit.since(place, argo.user)
        show(f"Argo Rollouts: writes in an idle minute: {sum(one.is_write for one in idle)}")
        show("\n".join(phase_rows("Argo Rollouts: release", bench.phase(names, NEW), len(names))))
        show(f"  {'peak memory, MiB':40}{peak_mebibytes(argo.pid):10.1f}")


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


if __name__ == "__main__":
    main()
