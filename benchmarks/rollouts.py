"""A canary of 34 and 67 % of many three-pod tenants at once, by the operator and by Argo Rollouts.

    python -m benchmarks.rollouts --tenants 200

Each has a control plane with fake nodes to itself, makes the same pods behind a Service and with a
budget, and asks as fast as it can: no pauses, no analysis, no bake, no migrations. Figures are for
comparing on one machine; nothing passes or fails here.
"""

import argparse
import copy
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks import argo_rollouts
from benchmarks.teams import Teams, names_of, namespace_of, namespaces_of
from benchmarks.usage import cpu_seconds, peak_mebibytes
from cms_operator.cluster.kinds import DISRUPTION_BUDGET as BUDGET
from cms_operator.cluster.kinds import HEADLESS_CMS, SERVICE, Kind
from localcluster import controlplane, program
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.api import APPLY, Api, Object, Watch
from tests.controlplane.audit import OPERATOR, START, AuditLog, Request
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import IMAGES, eventually

ADMIN = "admin"
PODS = 3
STEPS = [{"setWeight": 34}, {"setWeight": 67}]
SURGE = {"maxSurge": "25%", "maxUnavailable": 0}
UNJUDGED = {"analysis": {"enabled": False}, "bakeSeconds": 0}
CANARY = {"strategy": "Canary", **SURGE, "canary": {"steps": STEPS}, **UNJUDGED}
OLD, NEW = f"{IMAGES}:1.0.0", f"{IMAGES}:2.0.0"
ROLLOUT = Kind("argoproj.io/v1alpha1", "Rollout", "rollouts")
IDLE_SECONDS = 60
QUIET_SECONDS = 5
PATIENCE = 1800
AT_ONCE = 16
MOST_ASKED = 8


@dataclass(frozen=True)
class Phase:
    """`seconds` from the first request of the benchmark until the last tenant is done."""

    seconds: float
    cpu: float
    own: list[Request]
    everybody: int


@dataclass(frozen=True)
class Figures:
    created: Phase
    rolled: Phase
    idle_writes: int
    peak_mebibytes: float


class Controller(Protocol):
    """One of the two, with a control plane to itself."""

    user: str
    kind: Kind
    pid: int

    def apply(self, name: str, image: str) -> None: ...

    def is_done(self, found: Object, image: str) -> bool: ...


class Ours:
    user, kind = OPERATOR, HEADLESS_CMS

    def __init__(self, teams: Teams, pid: int) -> None:
        self._teams = teams
        self.pid = pid

    def apply(self, name: str, image: str) -> None:
        self._teams.of(name).make(
            name, image=image, replicas=PODS, migration={"enabled": False}, rollout=CANARY
        )

    def is_done(self, found: Object, image: str) -> bool:
        """Stable is the wanted revision, and it alone serves, with all its pods."""
        status = found.get("status", {})
        settled = {
            (c["type"], c["status"])
            for c in status.get("conditions", [])
            if c["observedGeneration"] == found["metadata"]["generation"]
        }
        good = {("Ready", "True"), ("Reconciling", "False")} <= settled
        return good and status.get("version") == image.rpartition(":")[2]


class Argo:
    user, kind = argo_rollouts.USER, ROLLOUT

    def __init__(self, api: Api, pid: int, templates: dict[str, Object]) -> None:
        self._api = api
        self._templates = templates
        self.pid = pid

    def apply(self, name: str, image: str) -> None:
        template = copy.deepcopy(self._templates[name])
        template["spec"]["containers"][0]["image"] = image
        spec = {
            "replicas": PODS,
            "selector": {"matchLabels": template["metadata"]["labels"]},
            "strategy": {"canary": {**SURGE, "steps": STEPS}},
            "template": template,
        }
        self._send(ROLLOUT, manifest(ROLLOUT, name, spec))

    def surround(self, name: str) -> None:
        """What a user puts around a Rollout, and our operator around its pods."""
        labels = self._templates[name]["metadata"]["labels"]
        ports = [{"port": 80, "targetPort": 3000}]
        self._send(SERVICE, manifest(SERVICE, name, {"selector": labels, "ports": ports}))
        budget = {"selector": {"matchLabels": labels}, "maxUnavailable": 1}
        self._send(BUDGET, manifest(BUDGET, name, budget))

    def is_done(self, found: Object, image: str) -> bool:
        status, spec = found.get("status", {}), found["spec"]
        seen = status.get("observedGeneration") == str(found["metadata"]["generation"])
        wanted = spec["template"]["spec"]["containers"][0]["image"] == image
        return bool(seen and wanted and status.get("phase") == "Healthy")

    def _send(self, kind: Kind, wanted: Object) -> None:
        name = wanted["metadata"]["name"]
        path = kind.path(namespace_of(name), name)
        self._api.request("PATCH", f"{path}?fieldManager=team&force=true", wanted, APPLY)


def manifest(kind: Kind, name: str, spec: Object) -> Object:
    is_of = {"apiVersion": kind.api_version, "kind": kind.name}
    return {**is_of, "metadata": {"name": name}, "spec": spec}


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
    """And the pods that it makes, for the peer."""
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    with controlplane.start("bench-operator") as control_plane, ExitStack() as stack:
        install(control_plane)
        teams = Teams(control_plane, names)
        teams.create()
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        stack.callback(operator.stop)
        figures = Bench(control_plane, Ours(teams, operator.pid)).measure(names)
        return figures, pod_templates(teams)


def pod_templates(teams: Teams) -> dict[str, Object]:
    """By tenant, without what only our own pods have."""
    found = {}
    for deployment in teams.all("deployment"):
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        del template["spec"]["serviceAccountName"], template["spec"]["serviceAccount"]
        template["metadata"] = {"labels": labels}
        found[labels["app.kubernetes.io/instance"]] = template
    return found


def measure_argo(names: list[str], templates: dict[str, Object]) -> Figures:
    with argo_at_work(names, templates) as (control_plane, argo):
        return Bench(control_plane, argo).measure(names)


@contextmanager
def argo_at_work(
    names: list[str], templates: dict[str, Object]
) -> Iterator[tuple[ControlPlane, Argo]]:
    """Argo Rollouts with a control plane of its own, and all that surrounds its Rollouts."""
    progress = Progress()
    controller = program.ensure(argo_rollouts.CONTROLLER, progress)
    with controlplane.start("bench-argo") as control_plane:
        argo_rollouts.install(control_plane, progress)
        for namespace in namespaces_of(names):
            control_plane.kubectl("create", "namespace", namespace)
        process = argo_rollouts.start(control_plane, controller)
        audit = AuditLog(control_plane.audit_log)
        eventually(lambda: watches(audit, Argo), "Argo Rollouts watches its objects")
        argo = Argo(Api(control_plane.kubeconfig), process.pid, templates)
        for_each(names, argo.surround)
        yield control_plane, argo


def watches(audit: AuditLog, controller: type[Argo]) -> bool:
    asked = audit.since(START, controller.user)
    return any(r.verb == "watch" and r.resource.endswith(controller.kind.plural) for r in asked)


class Bench:
    """`patience` is how many seconds a phase may take."""

    def __init__(
        self, control_plane: ControlPlane, controller: Controller, patience: float = PATIENCE
    ) -> None:
        self._api = Api(control_plane.kubeconfig)
        self.audit = AuditLog(control_plane.audit_log)
        self._controller = controller
        self._patience = patience

    def measure(self, names: list[str]) -> Figures:
        created = self.phase(names, OLD)
        rolled = self.phase(names, NEW)
        place = self.audit.now()
        time.sleep(IDLE_SECONDS)
        idle = self.audit.since(place, self._controller.user)
        writes = sum(request.is_write for request in idle)
        return Figures(created, rolled, writes, peak_mebibytes(self._controller.pid))

    def phase(self, names: list[str], image: str) -> Phase:
        controller, waiting = self._controller, set(names)

        def see(_: str, found: Object) -> None:
            if controller.is_done(found, image):
                waiting.discard(found["metadata"]["name"])

        place, cpu = self.audit.now(), cpu_seconds(controller.pid)
        with Watch(self._api, controller.kind, None, see, resume=True):
            started = time.monotonic()
            for_each(names, lambda name: controller.apply(name, image))
            eventually(lambda: not waiting, f"all have {image}", self._patience)
            seconds = time.monotonic() - started
        eventually(self.is_quiet, "the controller is done", self._patience)
        asked = self.audit.since(place, user=None)
        own = [request for request in asked if request.user == controller.user]
        everybody = sum(request.user != ADMIN for request in asked)
        return Phase(seconds, cpu_seconds(controller.pid) - cpu, own, everybody)

    def is_quiet(self) -> bool:
        place = self.audit.now()
        time.sleep(QUIET_SECONDS)
        return not self.audit.since(place, self._controller.user)


def for_each(names: list[str], act: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(act, names))


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
