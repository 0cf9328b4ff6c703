"""A release that something disturbs."""

from collections.abc import Callable

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, Team, eventually
from tests.controlplane.tracing import Trace

STEPS = [{"setWeight": 50}, {"pause": {"duration": 1}}]
WAYS: dict[str, Object] = {
    "RollingUpdate": {"strategy": "RollingUpdate"},
    "Canary": {"strategy": "Canary", "canary": {"steps": STEPS}},
    "BlueGreen": {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelaySeconds": 0}},
}
N = 2


def one(team: Team) -> bool:
    return len(team.all("deployment")) == 1


def release(
    team: Team, strategy: str, disturb: Callable[[], None], image: str = "slow-start", n: int = N
) -> None:
    """Disturbed as soon as the candidate is there; promoted all the same."""
    rollout = WAYS[strategy]
    team.make(replicas=n, rollout=rollout)
    team.wait_until_ready()
    with Trace(team) as trace:
        team.make(replicas=n, image=f"{IMAGES}:{image}", rollout=rollout)
        eventually(lambda: len(trace.made) > 1, "a candidate")
        disturb()
        eventually(lambda: one(team), "the old one is gone", seconds=120)
        team.wait_until_ready()
    assert team.status()["version"] == image
    assert min(trace.serving) >= n
    most = 2 * n if strategy == "BlueGreen" else n + 1
    assert max(sum(size.values()) for size in trace.sizes) <= most
