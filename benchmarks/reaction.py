"""The time from the first bad response of a candidate until it gets no more traffic.

    python -m benchmarks.reaction

The operator is real, pods are fake: their metrics say what they answer, 200 requests a second for
each, of which 5 % fail from a moment on. The limit is two intervals of the analysis and 5 s.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from localcluster import controlplane
from localcluster.controlplane import ControlPlane
from tests.controlplane import gateway
from tests.controlplane.api import Api, Object
from tests.controlplane.gateway import ROUTE, FakeGateway, weight_of
from tests.controlplane.kwok_stages import STAGES
from tests.controlplane.operator_process import OperatorProcess, install
from tests.controlplane.team import IMAGES, Team, eventually
from tests.controlplane.tracing import REVISION

METRICS = Path(gateway.__file__).with_name("statusz.py")
INTERVAL = 5
MARGIN = 5
LIMIT = 2 * INTERVAL + MARGIN
# Where in an interval it begins must not matter.
OFFSETS = (0.0, 1.3, 2.6, 3.9)
GOOD, FAILING = 9000, 9005
SHARE = "0.05"
ANALYSIS = {"intervalSeconds": INTERVAL, "warmUpSeconds": 0}
BAKE = 600


@dataclass(frozen=True)
class Way:
    """How a candidate gets its traffic, and when it gets none."""

    rollout: Object
    spec: Object
    phase: str
    is_without_traffic: Callable[[Team, str], bool]


def is_switched_back(team: Team, stable: str) -> bool:
    return bool(team.the("service", "shop")["spec"]["selector"].get(REVISION) == stable)


def has_no_weight(team: Team, _stable: str) -> bool:
    return weight_of(team.the("httproute", "shop")) == 0


WAYS: Mapping[str, Way] = {
    "BlueGreen, after the switch": Way({"strategy": "BlueGreen"}, {}, "Baking", is_switched_back),
    "Canary by route, at 34 %": Way(
        {"strategy": "Canary", "canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}},
        {"route": ROUTE},
        "Paused",
        has_no_weight,
    ),
}


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hcms-bench-"))
    onset, generation = folder / "onset", folder / "generation"
    generation.write_text("1")
    with ExitStack() as stack:
        started = controlplane.start("bench", stages=STAGES)
        control_plane = stack.enter_context(started)
        install(control_plane)
        gateway.install(control_plane, gateway.crd())
        behaviours = (f"{GOOD}=0,0", f"{FAILING}={SHARE},0,{onset}")
        server = (sys.executable, str(METRICS), str(generation), *behaviours)
        control_plane.spawn("metrics", server)
        operator = OperatorProcess(control_plane, folder / "operator.log")
        operator.start()
        stack.callback(operator.stop)
        for name, way in WAYS.items():
            found = [measure(control_plane, way, offset, onset) for offset in OFFSETS]
            spread = " ".join(f"{seconds:.1f}" for seconds in found)
            slowest = max(found) / LIMIT
            sys.stdout.write(f"| {name} | {spread} s | {LIMIT} s | {slowest:.2f} |\n")
            sys.stdout.flush()


def measure(control_plane: ControlPlane, way: Way, offset: float, onset: Path) -> float:
    """Seconds from the first request that fails."""
    onset.unlink(missing_ok=True)
    namespace = f"reaction-{time.monotonic_ns()}"
    team = Team(control_plane, Api(control_plane.kubeconfig), namespace)
    team.create()
    rollout = {**way.rollout, "bakeSeconds": BAKE, "analysis": ANALYSIS}
    with ExitStack() as stack:
        if "route" in way.spec:
            stack.enter_context(FakeGateway(team))
        team.make(replicas=3, rollout=rollout, **way.spec)
        team.wait_until_ready()
        stable = team.revision()
        ports = {"admin": FAILING}
        team.make(replicas=3, image=f"{IMAGES}:2.0.0", ports=ports, rollout=rollout, **way.spec)
        eventually(lambda: is_measured(team, way.phase), "the candidate is measured and well")
        time.sleep(offset)
        onset.touch()
        begun = time.monotonic()
        eventually(lambda: way.is_without_traffic(team, stable), "it gets no traffic")
        seconds = time.monotonic() - begun
        team.remove()
        return seconds


def is_measured(team: Team, phase: str) -> bool:
    found: Object = team.status().get("rollout", {})
    return found.get("phase") == phase and found.get("analysis", {}).get("verdict") == "Successful"


if __name__ == "__main__":
    main()
