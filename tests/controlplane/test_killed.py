"""The operator killed at its writes in a release: started again, it comes to the same end."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest

from localcluster.controlplane import ControlPlane
from tests.controlplane.api import Object
from tests.controlplane.faults import Killing, Proxied
from tests.controlplane.gateway import ROUTE, FakeGateway, crd, install, weight_of
from tests.controlplane.proxy import Call
from tests.controlplane.team import IMAGES, Team, eventually
from tests.controlplane.tracing import REVISION, Trace
from tests.controlplane.unharmed import harmless_writes, retired

N = 2
# It has to start again a good many times.
PATIENCE = 600.0


@dataclass(frozen=True)
class Way:
    """`waits` is what the rollout adds for a release that somebody aborts in the phase `until`;
    `spec` is what else there is.
    """

    rollout: Object
    waits: Object
    until: str
    most_pods: int
    spec: Object = field(default_factory=dict)


ONE_STEP: Object = {"setWeight": 50}
CANARY: Object = {
    "strategy": "Canary",
    "canary": {"steps": [ONE_STEP, {"pause": {"duration": 1}}]},
}
WAITS: Object = {"canary": {"steps": [ONE_STEP, {"pause": {}}]}}
BLUE_GREEN: Object = {"strategy": "BlueGreen", "blueGreen": {"scaleDownDelaySeconds": 0}}
WAYS = {
    "RollingUpdate": Way({"strategy": "RollingUpdate"}, {"bakeSeconds": 600}, "Baking", N + 1),
    "Canary": Way(CANARY, WAITS, "Paused", N + 1),
    "Canary by route": Way(CANARY, WAITS, "Paused", 2 * N, {"route": ROUTE}),
    "BlueGreen": Way(BLUE_GREEN, {"bakeSeconds": 600}, "Baking", 2 * N),
}
EVENTS = "events.k8s.io/events"
STATUS = ("patch", "headlesscms.io/headlesscmses/status")
# Whatever else there is, a release writes these.
AT_LEAST = {
    STATUS,
    ("patch", "apps/controllerrevisions"),
    ("create", "batch/jobs"),
    ("patch", "apps/deployments"),
    ("delete", "apps/deployments"),
}


def transition(call: Call) -> tuple[object, ...]:
    """What kind of a write it is: of which object, and for sizes and phases, to which."""
    body = call.json
    detail: object = None
    if call.resource == "apps/deployments" and call.verb == "patch":
        detail = body["spec"]["replicas"]
    elif (call.verb, call.resource) == STATUS:
        detail = body["status"].get("rollout", {}).get("phase")
    elif call.resource == "/services" and call.verb == "patch":
        detail = str(body["spec"]["selector"])
    elif call.resource.endswith("/httproutes") and call.verb == "patch":
        detail = weight_of(body)
    return call.verb, call.resource, call.name, detail


def each_kind(team: Team) -> Callable[[Call], bool]:
    """Picks a write of a kind that was not there yet; nothing follows from an Event."""
    seen = set()

    def picks(call: Call) -> bool:
        if team.namespace not in call.path or call.resource == EVENTS:
            return False
        known = transition(call) in seen
        seen.add(transition(call))
        return not known

    return picks


def number(team: Team, wanted: int) -> Callable[[Call], bool]:
    """Picks one write by its number."""
    count = itertools.count(1)
    return lambda call: team.namespace in call.path and next(count) == wanted


def release(team: Team, way: Way, image: str, *, good: bool) -> None:
    """Release until it is promoted, or taken back because somebody asks for it."""
    old, rollout = team.revision(), way.rollout
    with Trace(team) as trace:
        if good:
            team.make(replicas=N, image=image, rollout=rollout, **way.spec)
            eventually(lambda: team.revision() != old, "it is promoted", PATIENCE)
            expected = team.revision()
        else:
            team.make(replicas=N, image=image, rollout=rollout | way.waits, **way.spec)
            eventually(lambda: team.phase() == way.until, f"it is {way.until}", PATIENCE)
            team.annotate("abort", team.status()["updatedRevision"])
            team.wait_for("Stalled", "True", "RolledBack", seconds=PATIENCE)
            expected = old
        eventually(lambda: team.sizes() == {expected: N}, "the other Deployment is gone", PATIENCE)
        eventually(lambda: team.status()["readyReplicas"] == N, "all pods serve", PATIENCE)
    assert team.revision() == expected
    assert min(trace.serving) >= N
    assert max(sum(size.values()) for size in trace.sizes) <= way.most_pods
    for kind in ("configmap", "poddisruptionbudget"):
        eventually(partial(has_only, team, kind, expected), f"one {kind} is left", PATIENCE)
    assert len(team.names("job")) == 1


def has_only(team: Team, kind: str, revision: str) -> bool:
    labels = [found["metadata"].get("labels", {}) for found in team.all(kind)]
    return [found[REVISION] for found in labels if REVISION in found] == [revision]


def begin(team: Team, way: Way) -> None:
    team.make(replicas=N, rollout=way.rollout, **way.spec)
    team.wait_until_ready()


@pytest.fixture(autouse=True)
def gateway(control_plane: ControlPlane, proxied_team: Team) -> Iterator[None]:
    """It accepts what routes there are."""
    install(control_plane, crd())
    with FakeGateway(proxied_team):
        yield


SOME = [
    pytest.param(way, good, good, id=f"{name}-{'good' if good else 'aborted'}")
    for name, way in WAYS.items()
    for good in (True, False)
]
ALL = [
    pytest.param(
        way, good, after,
        id=f"{name}-{'good' if good else 'aborted'}-{'after' if after else 'before'}",
    )
    for name, way in WAYS.items()
    for good in (True, False)
    for after in (True, False)
]  # fmt: skip


@pytest.mark.parametrize(("way", "good", "after"), SOME)
def test_killed_at_each_kind_of_write_it_ends_the_same(
    proxied_team: Team, proxied: Proxied, way: Way, *, good: bool, after: bool
) -> None:
    team, operator = proxied_team, proxied.operator
    begin(team, way)
    place = team.audit.now()
    killing = Killing(operator, each_kind(team), after=after)
    with harmless_writes(proxied, team, retired), proxied.proxy.behaving(killing):
        release(team, way, f"{IMAGES}:2.0.0", good=good)
    killed = {(call.verb, call.resource) for call in killing.killed}
    asked = [r for r in team.audit.since(place) if r.namespace == team.namespace and r.is_write]
    assert killed >= AT_LEAST
    assert {(r.verb, r.resource) for r in asked if r.resource != EVENTS} <= killed


@pytest.mark.long
@pytest.mark.parametrize(("way", "good", "after"), ALL)
def test_killed_at_any_one_write_it_ends_the_same(
    proxied_team: Team, proxied: Proxied, way: Way, *, good: bool, after: bool
) -> None:
    team, operator = proxied_team, proxied.operator
    begin(team, way)
    for count in itertools.count(1):
        killing = Killing(operator, number(team, count), after=after)
        with proxied.proxy.behaving(killing):
            release(team, way, f"{IMAGES}:2.0.{count}", good=good)
        if not killing.killed:
            break
    assert count > len(AT_LEAST)
