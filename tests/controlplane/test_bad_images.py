"""Images that misbehave, by each strategy: taken back without a person, and stable serves on."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, LONG_PATIENCE, Team, eventually
from tests.controlplane.tracing import Trace

N = 3


@dataclass(frozen=True)
class Way:
    """`late` gives an image time to show itself; `left` serve when one that was ready fails."""

    rollout: Object
    late: Object
    left: int
    most_pods: int


# One HeadlessCMS for each, all of them at once.
WAYS = {
    "rolling-update": Way({"strategy": "RollingUpdate"}, {"minReadySeconds": 30}, N, N + 1),
    "canary": Way(
        {"strategy": "Canary", "canary": {"steps": [{"setWeight": 34}]}},
        {"canary": {"steps": [{"setWeight": 34}, {"pause": {}}]}},
        N - 1,
        N + 1,
    ),
    "blue-green": Way(
        {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelaySeconds": 0}},
        {"blueGreen": {"autoPromotionSeconds": 600}},
        N,
        2 * N,
    ),
}
DEADLINE = {"progressDeadlineSeconds": 8}


@dataclass(frozen=True)
class Fate:
    """`words` of the message in the status; `late`: it is ready before it fails; `waits`: it may
    still become ready, until its time is over.
    """

    image: str
    reason: str
    words: str
    late: bool = False
    waits: bool = False

    @property
    def migrates(self) -> bool:
        return self.reason == "MigrationFailed"


FATES = [
    Fate("never-ready", "RolledBack", "0 of", waits=True),
    Fate("missing", "RolledBack", "cannot pull its image", waits=True),
    Fate("crashes", "RolledBack", "exit code 3"),
    Fate("hungry", "RolledBack", "spec.resources.limits.memory"),
    Fate("crashes-later", "RolledBack", "exit code 3", late=True),
    Fate("leaks", "RolledBack", "spec.resources.limits.memory", late=True),
    Fate("bad-migration", "MigrationFailed", 'column "slug" does not exist'),
]


@pytest.mark.parametrize("fate", FATES, ids=[fate.image for fate in FATES])
def test_a_bad_image_is_taken_back_by_each_strategy(team: Team, fate: Fate) -> None:
    same = {"replicas": N, "migration": {"enabled": fate.migrates}}
    for name, way in WAYS.items():
        team.make(name, rollout=way.rollout, **same)
    for name in WAYS:
        team.wait_until_ready(name)
    stable = {name: (team.revision(name), team.pods(name)) for name in WAYS}
    with ExitStack() as stack:
        traces = {name: stack.enter_context(Trace(team, name)) for name in WAYS}
        for name, way in WAYS.items():
            rollout = way.rollout | (way.late if fate.late else {})
            team.make(name, image=f"{IMAGES}:{fate.image}", rollout=rollout, **same)
        if fate.waits:
            has_to_end(team, fate, same)
        for name in WAYS:
            is_taken_back(team, name, fate, stable[name][0])
    for name, trace in traces.items():
        way, (revision, pods) = WAYS[name], stable[name]
        assert min(trace.serving, default=N) >= (way.left if fate.late else N), name
        assert max(sum(size.values()) for size in trace.sizes) <= way.most_pods, name
        assert (trace.made == [f"{name}-{revision}"]) is fate.migrates, name
        if way.left == N or not fate.late:
            assert team.pods(name) == pods, "no stable pod was touched"


def has_to_end(team: Team, fate: Fate, same: Object) -> None:
    """Its time begins to count once its pods have shown what is wrong with them."""
    for name in WAYS:
        eventually(partial(is_told, team, name, fate.words), f"{name} waits")
    for name, way in WAYS.items():
        rollout = way.rollout | DEADLINE
        team.make(name, image=f"{IMAGES}:{fate.image}", rollout=rollout, **same)


def is_told(team: Team, name: str, words: str) -> bool:
    return words in team.condition("Progressing", name)[2]


def is_taken_back(team: Team, name: str, fate: Fate, stable: str) -> None:
    message = team.wait_for("Stalled", "True", fate.reason, name=name, seconds=120)
    assert fate.words in message, name
    eventually(lambda: team.sizes(name) == {stable: N}, f"the candidate of {name} is gone")
    eventually(lambda: team.status(name)["readyReplicas"] == N, f"{name} serves", LONG_PATIENCE)
    assert team.revision(name) == stable
    assert team.condition("Ready", name)[:2] == ("False", fate.reason)
    team.wait_for("Available", "True", "EnoughPods", name=name)


def test_a_good_image_is_promoted_by_each_strategy(team: Team) -> None:
    for name, way in WAYS.items():
        team.make(name, replicas=N, rollout=way.rollout)
    for name in WAYS:
        team.wait_until_ready(name)
    with ExitStack() as stack:
        traces = {name: stack.enter_context(Trace(team, name)) for name in WAYS}
        for name, way in WAYS.items():
            rollout = way.rollout | {"bakeSeconds": 2}
            team.make(name, replicas=N, image=f"{IMAGES}:2.0.0", rollout=rollout)
        for name in WAYS:
            is_promoted(team, name)
    for name, trace in traces.items():
        assert min(trace.serving) >= N, name
        assert max(sum(size.values()) for size in trace.sizes) <= WAYS[name].most_pods, name


def is_promoted(team: Team, name: str) -> None:
    eventually(lambda: team.status(name)["version"] == "2.0.0", f"{name} is promoted")
    eventually(lambda: team.sizes(name) == {team.revision(name): N}, "the old one is gone")
    team.wait_until_ready(name)
