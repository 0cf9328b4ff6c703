"""A release that waits in its middle, and what people and nodes do to it meanwhile."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from localcluster import fakenodes
from localcluster.controlplane import DEFAULT_NODES
from tests.controlplane.api import Object
from tests.controlplane.team import IMAGES, LONG_PATIENCE, Team, always, eventually
from tests.controlplane.tracing import INSTANCE, REVISION, Trace

N = 3
GOOD = f"{IMAGES}:2.0.0"
NODES = "/api/v1/nodes"
# The scheduler may give a lost node one more pod, which is found to have none after 40 to 60 s.
ORPHANS_SECONDS = 120.0
CANARY: Object = {
    "strategy": "Canary",
    "canary": {"steps": [{"setWeight": 34}, {"pause": {}}, {"setWeight": 67}]},
}
BLUE_GREEN: Object = {
    "strategy": "BlueGreen",
    "blueGreen": {"autoPromotionEnabled": False, "scaleDownDelaySeconds": 0},
}
BAKING: Object = {"strategy": "RollingUpdate", "bakeSeconds": 600}


@dataclass(frozen=True)
class Way:
    """`phase` is the one in which a release waits for a person, with these sizes."""

    rollout: Object
    phase: str
    old: int
    new: int


# One HeadlessCMS for each, all of them at once.
WAYS = {
    "rolling-update": Way(BAKING, "Baking", 0, N),
    "canary": Way(CANARY, "Paused", 2, 1),
    "blue-green": Way(BLUE_GREEN, "Paused", N, N),
}


def deployments(team: Team, name: str) -> list[Object]:
    return [
        found for found in team.all("deployment") if found["metadata"]["labels"][INSTANCE] == name
    ]


def ready_pods(team: Team, name: str) -> int:
    return sum(found["status"].get("readyReplicas", 0) for found in deployments(team, name))


def has_ready_pods(team: Team, name: str, count: int) -> bool:
    return ready_pods(team, name) == count


def is_in(team: Team, name: str, phase: str) -> bool:
    return team.phase(name) == phase


def waiting(team: Team, *names: str) -> dict[str, tuple[str, str]]:
    """The stable revision and the candidate of releases that wait for a person."""
    for name in names:
        strategy = WAYS[name].rollout["strategy"]
        team.make(name, replicas=N, rollout={"strategy": strategy})
    for name in names:
        team.wait_until_ready(name)
    old = {name: team.revision(name) for name in names}
    for name in names:
        team.make(name, replicas=N, image=GOOD, rollout=WAYS[name].rollout)
    for name in names:
        eventually(partial(is_in, team, name, WAYS[name].phase), f"{name} waits")
    found = {name: (old[name], str(team.status(name)["updatedRevision"])) for name in names}
    for name, (stable, new) in found.items():
        way = WAYS[name]
        assert team.sizes(name) == {stable: way.old, new: way.new}
        # A Deployment counts those that have just left it a moment longer than the Service.
        eventually(partial(has_ready_pods, team, name, way.old + way.new), "their pods alone")
    return found


def promote(team: Team, name: str, new: str) -> None:
    """Promote until nothing of the old revision is left."""
    team.annotate("promote-full", new, name)
    eventually(lambda: team.revision(name) == new, f"{name} is promoted")
    team.wait_until_ready(name)
    eventually(lambda: team.sizes(name) == {new: N}, "the old Deployment is gone")
    eventually(lambda: len(team.pods(name)) == N, "its pods are gone")


Hand = tuple[str, str, Object | None]
TO_THE_NEW: Object = {}  # a merge patch of the selector, once the name is known
HANDS: dict[str, list[Hand]] = {
    "canary": [
        ("deployment", "canary-{old}", None),
        ("deployment", "canary-{new}", None),
        ("deployment", "canary-{old}", {"spec": {"replicas": 0}}),
        ("deployment", "canary-{new}", {"spec": {"replicas": 5}}),
        ("configmap", "canary-{old}", None),
        ("configmap", "canary-{new}", None),
        ("poddisruptionbudget", "canary-{old}", None),
        ("controllerrevision", "canary-{new}", None),
        ("service", "canary", None),
        ("service", "canary", TO_THE_NEW),
    ],
    "blue-green": [
        ("deployment", "blue-green-{new}", None),
        ("service", "blue-green-preview", None),
        ("service", "blue-green", TO_THE_NEW),
        ("service", "blue-green", None),
    ],
}


@pytest.mark.parametrize("name", HANDS)
def test_what_hands_do_is_put_right_and_the_release_goes_on(team: Team, name: str) -> None:
    old, new = waiting(team, name)[name]
    before = picture(team, name)
    for kind, pattern, change in HANDS[name]:
        child = pattern.format(old=old, new=new)
        uid = team.the(kind, child)["metadata"]["uid"]
        if change is None:
            team.delete(kind, child)
            eventually(partial(is_another, team, kind, child, uid), f"{kind} {child} comes back")
        else:
            team.patch(kind, child, change or {"spec": {"selector": {REVISION: new}}})
        eventually(lambda: picture(team, name) == before, f"{kind} {child} is as it was")
        assert is_in(team, name, "Paused")
    promote(team, name, new)


def is_another(team: Team, kind: str, name: str, uid: str) -> bool:
    found = team.get(kind, name)
    return found is not None and found["metadata"]["uid"] != uid


def picture(team: Team, name: str) -> Object:
    return {
        "sizes": team.sizes(name),
        "ready": ready_pods(team, name),
        "selectors": {s["metadata"]["name"]: s["spec"]["selector"] for s in team.all("service")},
        "names": {kind: team.names(kind) for kind in ("configmap", "poddisruptionbudget")},
        "records": team.names("controllerrevision"),
    }


@pytest.fixture
def lost_nodes(team: Team) -> Iterator[list[str]]:
    """Name a node in it, and it comes back in the end."""
    lost: list[str] = []
    yield lost
    for node in fakenodes.nodes(DEFAULT_NODES):
        if node["metadata"]["name"] in lost:
            team.api.request("POST", NODES, node)


def pods_on(team: Team, node: str) -> list[Object]:
    return [
        pod
        for pod in team.all("pod")
        if pod["spec"].get("nodeName") == node and REVISION in pod["metadata"]["labels"]
    ]


def lose(team: Team, node: str) -> None:
    """What a machine that burns does: its pods are not ready any more, and later gone."""
    pods = [pod["metadata"]["name"] for pod in pods_on(team, node)]
    condition = {"type": "Ready", "status": "False", "reason": "NodeLost"}
    for pod in pods:
        team.patch("pod", pod, {"status": {"conditions": [condition]}}, subresource="status")
    team.api.request("DELETE", f"{NODES}/{node}")
    for pod in pods:
        path = f"/api/v1/namespaces/{team.namespace}/pods/{pod}"
        team.api.request("DELETE", f"{path}?gracePeriodSeconds=0")


def test_a_lost_node_costs_its_pods_and_no_others(team: Team, lost_nodes: list[str]) -> None:
    revisions = waiting(team, *WAYS)
    before = {name: team.sizes(name) for name in WAYS}
    candidates = {new for _, new in revisions.values()}
    node = next(
        pod["spec"]["nodeName"]
        for pod in team.all("pod")
        if pod["metadata"]["labels"].get(REVISION) in candidates
    )
    lost = Counter(pod["metadata"]["labels"][INSTANCE] for pod in pods_on(team, node))
    with ExitStack() as stack:
        traces = {name: stack.enter_context(Trace(team, name)) for name in WAYS}
        lost_nodes.append(node)
        lose(team, node)
        for name in WAYS:
            ready = partial(all_are_ready, team, name, before[name])
            eventually(ready, "the pods are replaced", ORPHANS_SECONDS)
            # A pod that the scheduler has still put there is ready, and gets no endpoint.
            is_as_before = partial(has_sizes, team, name, before[name])
            eventually(is_as_before, f"{name} is as it was", ORPHANS_SECONDS)
            promote(team, name, revisions[name][1])
    for name, trace in traces.items():
        assert min(trace.serving) >= N - lost[name], name


def all_are_ready(team: Team, name: str, wanted: dict[str, int]) -> bool:
    return ready_pods(team, name) >= sum(wanted.values())


def has_sizes(team: Team, name: str, wanted: dict[str, int]) -> bool:
    return team.sizes(name) == wanted


def test_suspended_it_stays_and_resumed_it_goes_on(team: Team) -> None:
    revisions = waiting(team, *WAYS)
    before = [(team.sizes(name), team.pods(name)) for name in WAYS]
    with ExitStack() as stack:
        traces = {name: stack.enter_context(Trace(team, name)) for name in WAYS}
        for name, way in WAYS.items():
            team.make(name, replicas=N, image=GOOD, rollout=way.rollout, suspend=True)
        for name, (_, new) in revisions.items():
            team.wait_for("Reconciling", "False", "Suspended", name=name)
            team.annotate("promote-full", new, name)
        always(
            lambda: [(team.sizes(name), team.pods(name)) for name in WAYS] == before,
            "nothing moves",
            seconds=2,
        )
        for name, way in WAYS.items():
            team.make(name, replicas=N, image=GOOD, rollout=way.rollout)
            promote(team, name, revisions[name][1])
    for name, trace in traces.items():
        assert min(trace.serving) >= N, name


def test_deleted_in_its_middle_it_leaves_nothing(team: Team) -> None:
    waiting(team, *WAYS)
    for name in WAYS:
        team.delete("headlesscms", name)
    team.wait_until_gone()
    always(lambda: not team.left_over(), "nothing comes back", seconds=1)


def test_deleted_and_made_again_in_its_middle_it_begins_anew(team: Team) -> None:
    waiting(team, *WAYS)
    before = {name: team.pods(name) for name in WAYS}
    uids = {team.the("headlesscms", name)["metadata"]["uid"] for name in WAYS}
    for name, way in WAYS.items():
        team.delete("headlesscms", name)
        rollout = {"strategy": way.rollout["strategy"]}
        team.make(name, replicas=N, image=f"{IMAGES}:3.0.0", rollout=rollout)
    for name in WAYS:
        team.wait_until_ready(name, LONG_PATIENCE)
        one = partial(has_sizes, team, name, {team.revision(name): N})
        eventually(one, "one Deployment", LONG_PATIENCE)
        eventually(partial(has_pods, team, name), "its pods alone", LONG_PATIENCE)
        assert not team.pods(name) & before[name]
        assert team.status(name)["version"] == "3.0.0"
        assert "rollout" not in team.status(name)
    eventually(lambda: not uids & team.owners(), "nothing of the first is left", LONG_PATIENCE)


def has_pods(team: Team, name: str) -> bool:
    return len(team.pods(name)) == N
