"""The Gateway API's route kind, and what a gateway's controller answers on it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from localcluster import golang
from localcluster.controlplane import ControlPlane
from localcluster.progress import Progress
from localcluster.shell import run
from tests.controlplane.api import Object, RefusedError, Watch
from tests.controlplane.team import Team, eventually

MODULE = Path(__file__).parent / "gatewayapi"
CRD = "config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"
HOST = "cms.shop.example"
PARENT = {"name": "public", "namespace": "gateways"}
ROUTE = {"host": HOST, "gateway": PARENT}


def crd() -> Path:
    """The CRD in the pinned Go module of the Gateway API, checked against go.sum."""
    go = str(golang.toolchain(Progress()))
    found = run((go, "-C", str(MODULE), "mod", "download", "-json", "sigs.k8s.io/gateway-api"))
    return Path(json.loads(found)["Dir"]) / CRD


def install(control_plane: ControlPlane, crd_file: Path) -> None:
    control_plane.kubectl("apply", "--server-side", "-f", str(crd_file))
    control_plane.wait_for_crd("httproutes.gateway.networking.k8s.io")


def accept(team: Team, route: Object) -> None:
    """Answer as a gateway's controller does, about the generation that it has seen."""
    conditions = [
        {
            "type": kind,
            "status": "True",
            "reason": kind,
            "message": "",
            "observedGeneration": route["metadata"]["generation"],
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
        for kind in ("Accepted", "ResolvedRefs")
    ]
    parent = {
        "parentRef": PARENT,
        "controllerName": "example.org/gateway",
        "conditions": conditions,
    }
    change = {"status": {"parents": [parent]}}
    team.patch("httproute", route["metadata"]["name"], change, "status")


def weight_of(route: Object) -> int:
    backends = route["spec"]["rules"][0]["backendRefs"]
    return sum(ref["weight"] for ref in backends if ref["name"] == "shop-preview")


@dataclass
class FakeGateway:
    """Accepts every route while it is entered; `weights` are those it has accepted, in order."""

    team: Team
    weights: list[int] = field(default_factory=list)
    _watch: Watch | None = None

    def __enter__(self) -> Self:
        self._watch = eventually(self._follow, "the API server serves HTTPRoutes")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._watch
        self._watch.__exit__(None, None, None)

    def _follow(self) -> Watch | None:
        try:
            return self.team.watch("httproute", self._see).__enter__()
        except RefusedError:  # the kind has just been made
            return None

    def _see(self, change: str, route: dict[str, Any]) -> None:
        if change == "DELETED" or _has_seen(route):
            return
        try:
            accept(self.team, route)
        except RefusedError:
            return  # it is gone
        weight = weight_of(route)
        if self.weights[-1:] != [weight]:
            self.weights.append(weight)


def _has_seen(route: Object) -> bool:
    parents = route.get("status", {}).get("parents", [])
    generation = route["metadata"]["generation"]
    return any(c["observedGeneration"] == generation for p in parents for c in p["conditions"])
