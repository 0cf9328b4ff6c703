"""The programs that a fleet is measured on: looked into, and started again."""

from typing import Protocol

from benchmarks import argo_rollouts
from benchmarks.controllers import Argo, Fleet, Growing
from benchmarks.fleet_report import Look
from benchmarks.histograms import buckets, total
from benchmarks.teams import Teams
from cms_operator.cluster.kinds import POD
from localcluster import program
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.audit import Request
from tests.controlplane.operator_process import OperatorProcess

RESYNC_SECONDS = 60
_WAIT, _WORK = "hcms_operator_queue_wait_seconds", "hcms_operator_reconcile_seconds"
_DEPTH, _DONE = "hcms_operator_queue_depth", "hcms_operator_reconciles_total"
_QUEUE = "workqueue_queue_duration_seconds"
_PASSES = "workqueue_work_duration_seconds"


class Program(Protocol):
    @property
    def controller(self) -> Growing: ...

    def look(self) -> Look: ...

    def again(self) -> None:
        """End it, and start another that looks at all objects again each RESYNC_SECONDS."""

    def has_looked_again(self, since: Look, asked: list[Request], tenants: int) -> bool:
        """Whether it has looked at all objects again, as it tells or by what it has asked for."""


class Operator:
    def __init__(self, process: OperatorProcess, teams: Teams) -> None:
        self._process = process
        self._teams = teams
        self.controller = Fleet(teams, process.pid)

    def look(self) -> Look:
        text = self._process.metrics(f"{_WAIT}_bucket", f"{_WORK}_bucket", _DEPTH, _DONE)
        return Look(
            buckets(text, _WAIT), buckets(text, _WORK), total(text, _DEPTH), total(text, _DONE)
        )

    def again(self) -> None:
        self._process.stop()
        often = {"HCMS_RESYNC_SECONDS": str(RESYNC_SECONDS)}
        self._process = self._process.another("again", environment=often)
        self._process.start()
        self.controller = Fleet(self._teams, self._process.pid)

    def stop(self) -> None:
        self._process.stop()

    def has_looked_again(self, since: Look, asked: list[Request], tenants: int) -> bool:  # noqa: ARG002
        return any(one.verb == "list" and one.resource.endswith(POD.plural) for one in asked)


class ArgoRollouts:
    def __init__(self, control_plane: ControlPlane, controller: Argo) -> None:
        self._control_plane = control_plane
        self.controller = controller

    def look(self) -> Look:
        text = argo_rollouts.metrics(self._control_plane)
        of = {"name": argo_rollouts.QUEUE}
        return Look(
            buckets(text, _QUEUE, **of),
            buckets(text, _PASSES, **of),
            total(text, "workqueue_depth", **of),
            total(text, f"{_PASSES}_count", **of),
        )

    def again(self) -> None:
        self._control_plane.stop_process(argo_rollouts.NAME)
        path = program.ensure(argo_rollouts.CONTROLLER, Progress())
        often = {"rollout_resync": str(RESYNC_SECONDS)}
        self.controller.pid = argo_rollouts.start(self._control_plane, path, **often).pid

    def has_looked_again(self, since: Look, asked: list[Request], tenants: int) -> bool:  # noqa: ARG002
        return self.look().done >= since.done + tenants
