"""The two controllers that are measured, each with a control plane to itself: ours, and Argo
Rollouts.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from benchmarks import argo_rollouts
from benchmarks.keeping import KeepingApi
from benchmarks.teams import Teams, for_each, namespace_of, namespaces_of
from cms_operator.cluster.kinds import DISRUPTION_BUDGET as BUDGET
from cms_operator.cluster.kinds import HEADLESS_CMS, SERVICE, Kind
from localcluster import controlplane, program
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from tests.controlplane.api import APPLY, Api, Object
from tests.controlplane.audit import OPERATOR, START, AuditLog
from tests.controlplane.team import IMAGES, eventually

PODS = 3
STEPS = [{"setWeight": 34}, {"setWeight": 67}]
SURGE = {"maxSurge": "25%", "maxUnavailable": 0}
UNJUDGED = {"analysis": {"enabled": False}, "bakeSeconds": 0}
CANARY = {"strategy": "Canary", **SURGE, "canary": {"steps": STEPS}, **UNJUDGED}
OLD, NEW = f"{IMAGES}:1.0.0", f"{IMAGES}:2.0.0"
ROLLOUT = Kind("argoproj.io/v1alpha1", "Rollout", "rollouts")


class Controller(Protocol):
    """One of the two, with a control plane to itself."""

    user: str
    kind: Kind
    pid: int

    def apply(self, name: str, image: str) -> None: ...

    def is_done(self, found: Object, image: str) -> bool: ...


class Growing(Controller, Protocol):
    """One that can be asked for another pod of a tenant."""

    def grow(self, name: str) -> None: ...


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


class Fleet(Ours):
    """Tenants with everything that a HeadlessCMS has by default: their migration, too."""

    def apply(self, name: str, image: str) -> None:
        # A cluster has node ports for 2,768 Services of the other types.
        service = {"type": "ClusterIP"}
        self._teams.of(name).make(name, image=image, replicas=PODS, rollout=CANARY, service=service)

    def grow(self, name: str) -> None:
        self._teams.of(name).patch("headlesscms", name, {"spec": {"replicas": PODS + 1}})


class Argo:
    user, kind = argo_rollouts.USER, ROLLOUT

    def __init__(self, api: Api, pid: int, templates: dict[str, Object]) -> None:
        self._api = api
        self._templates = templates
        self.pid = pid

    def apply(self, name: str, image: str) -> None:
        self._apply(name, image, PODS)

    def grow(self, name: str) -> None:
        self._apply(name, OLD, PODS + 1)

    def _apply(self, name: str, image: str, replicas: int) -> None:
        template = copy.deepcopy(self._templates[name])
        template["spec"]["containers"][0]["image"] = image
        spec = {
            "replicas": replicas,
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


def pod_templates(teams: Teams) -> dict[str, Object]:
    """The pod template of each tenant, by name, without what only our own pods have."""
    found = {}
    for deployment in teams.all("deployment"):
        template = deployment["spec"]["template"]
        labels = template["metadata"]["labels"]
        del template["spec"]["serviceAccountName"], template["spec"]["serviceAccount"]
        template["metadata"] = {"labels": labels}
        found[labels["app.kubernetes.io/instance"]] = template
    return found


@contextmanager
def argo_at_work(
    names: list[str], templates: dict[str, Object], nodes: int = controlplane.DEFAULT_NODES
) -> Iterator[tuple[ControlPlane, Argo]]:
    """Argo Rollouts with a control plane of its own, and all that surrounds its Rollouts."""
    progress = Progress()
    controller = program.ensure(argo_rollouts.CONTROLLER, progress)
    with controlplane.start("bench-argo", nodes=nodes) as control_plane:
        argo_rollouts.install(control_plane, progress)
        for namespace in namespaces_of(names):
            control_plane.kubectl("create", "namespace", namespace)
        process = argo_rollouts.start(control_plane, controller)
        audit = AuditLog(control_plane.audit_log)
        eventually(lambda: watches(audit, Argo), "Argo Rollouts watches its objects")
        argo = Argo(KeepingApi(control_plane.kubeconfig), process.pid, templates)
        for_each(names, argo.surround)
        yield control_plane, argo


def watches(audit: AuditLog, controller: type[Argo]) -> bool:
    asked = audit.since(START, controller.user)
    return any(r.verb == "watch" and r.resource.endswith(controller.kind.plural) for r in asked)
