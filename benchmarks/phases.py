"""What a controller needs until many tenants are as they are wanted: time, CPU and requests."""

import time
from dataclasses import dataclass

from benchmarks.controllers import Controller
from benchmarks.teams import for_each
from benchmarks.usage import cpu_seconds
from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Api, Object, Watch
from tests.controlplane.audit import AuditLog, Request
from tests.controlplane.team import eventually

ADMIN = "admin"
QUIET_SECONDS = 5
IDLE_SECONDS = 60
PATIENCE = 1800


@dataclass(frozen=True)
class Phase:
    """`seconds` from the first request of the benchmark until the last tenant is done."""

    seconds: float
    cpu: float
    own: list[Request]
    everybody: int


class Meter:
    """Measures one controller, phase by phase. `patience` is how many seconds a phase may take."""

    def __init__(
        self, control_plane: ControlPlane, controller: Controller, patience: float = PATIENCE
    ) -> None:
        self._api = Api(control_plane.kubeconfig)
        self.audit = AuditLog(control_plane.audit_log)
        self._controller = controller
        self._patience = patience

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

    def idle(self) -> list[Request]:
        """What the controller asks for in a minute, but for its Lease."""
        place = self.audit.now()
        time.sleep(IDLE_SECONDS)
        asked = self.audit.since(place, self._controller.user)
        return [one for one in asked if not one.resource.endswith("/leases")]

    def is_quiet(self) -> bool:
        place = self.audit.now()
        time.sleep(QUIET_SECONDS)
        return not self.audit.since(place, self._controller.user)
