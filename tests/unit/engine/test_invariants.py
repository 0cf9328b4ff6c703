"""Whatever happens in whatever order: the floor, the ceiling, the switch, and the end."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms_operator.rollout.capacity import cost, existing, limits, serving
from cms_operator.rollout.decide import Decision, Phase, decide
from cms_operator.rollout.snapshot import Request, Snapshot
from tests.unit.engine.pictures import rollout
from tests.unit.engine.simulation import Cluster, World, without_progress

STEPS = st.lists(
    st.one_of(
        st.integers(0, 100).map(lambda weight: {"setWeight": weight}),
        st.sampled_from([{"pause": {"duration": 20}}, {"pause": {}}]),
    ),
    min_size=1,
    max_size=4,
)
SPECS = st.fixed_dictionaries(
    {
        "strategy": st.sampled_from(["RollingUpdate", "Canary", "BlueGreen"]),
        "canary": STEPS.map(lambda steps: {"steps": steps}),
        "bakeSeconds": st.sampled_from([0, 30]),
        "maxSurge": st.sampled_from([1, 2, "25%", "100%"]),
        "maxUnavailable": st.sampled_from([0, 0, 1, "50%"]),
        "progressDeadlineSeconds": st.just(60),
        "blueGreen": st.fixed_dictionaries(
            {"autoPromotionEnabled": st.booleans(), "scaleDownDelaySeconds": st.integers(0, 40)}
        ),
    }
)
# Bad revisions have capital letters. The first one is good: there is no way back from it.
REVISIONS = st.sampled_from("abcXY")


def disturbances(fewest_pods: int) -> st.SearchStrategy[list[tuple[str, Any]]]:
    return st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.integers(1, 6)),
            st.tuples(st.just("scale"), st.integers(fewest_pods, 5)),
            st.tuples(st.just("release"), REVISIONS),
            st.tuples(st.just("lose"), st.just(1)),
            st.tuples(st.just("kill"), st.integers(0, 4)),
            st.tuples(st.sampled_from(["promote", "abort", "retry", "promote-full"]), st.just(1)),
            st.tuples(st.just("hold"), st.booleans()),
        ),
        max_size=12,
    )


def good(revision: str) -> bool:
    return revision.islower()


def within_limits(world: World, snapshot: Snapshot, decision: Decision) -> None:
    allowed = limits(
        snapshot.rollout.max_surge, snapshot.rollout.max_unavailable, snapshot.replicas
    )
    revisions = snapshot.revisions
    before = sum(serving(found) for found in revisions.values())
    taken = sum(
        cost(found, found.wanted - decision.sizes.get(name, 0))
        for name, found in revisions.items()
        if decision.sizes.get(name, 0) < found.wanted
    )
    assert before - taken >= min(before, snapshot.replicas - allowed.unavailable), "the floor"

    pods = sum(existing(found) for found in revisions.values())
    grown = sum(
        max(decision.sizes.get(name, 0), existing(found)) for name, found in revisions.items()
    ) + sum(size for name, size in decision.sizes.items() if name not in revisions)
    surge = max(allowed.surge, 1)
    double = decision.progress is not None and decision.progress.strategy == "BlueGreen"
    ceiling = max(2 * snapshot.replicas if double else 0, snapshot.replicas + surge)
    assert grown <= max(pods, ceiling), "the ceiling"

    if decision.active not in (None, world.cluster.active) and world.cluster.active is not None:
        found = snapshot.revision(decision.active or "")
        back = decision.active == snapshot.stable
        assert back or found.preview >= snapshot.replicas, "the switch"


def repeats_itself(snapshot: Snapshot, decision: Decision) -> None:
    again = decide(without_progress(snapshot, decision))
    assert (again.sizes, again.active, again.progress) == (
        decision.sizes, decision.active, decision.progress
    )  # fmt: skip


def names_only_what_gets_traffic(decision: Decision) -> None:
    for name in decision.serving:
        assert decision.sizes.get(name, 0) or decision.active == name


def check(world: World, snapshot: Snapshot, decision: Decision) -> None:
    within_limits(world, snapshot, decision)
    repeats_itself(snapshot, decision)
    names_only_what_gets_traffic(decision)


def disturb(world: World, kind: str, value: Any) -> None:
    if kind == "scale":
        world.replicas = value
    elif kind == "release":
        world.target = value
    elif kind == "lose":
        world.cluster.lose_a_pod()
    elif kind == "hold":
        world.rollout = world.rollout.model_copy(update={"paused": value})
    elif kind in ("promote", "abort", "retry", "promote-full"):
        world.requests = (Request(kind, f"{world.target}:{world.turns}"),)  # type: ignore[arg-type]
    for _ in range(value if kind == "wait" else 1):
        world.turn(killed_after=value if kind == "kill" else None)


def a_world(spec: Any, replicas: int, data: st.DataObject) -> World:
    cluster = Cluster(good, lambda most: data.draw(st.integers(0, most)))
    world = World(cluster, rollout(**spec), replicas, "a", check)
    cluster.chance = lambda most: most
    world.settle(4)
    assert world.stable == "a"
    cluster.chance = lambda most: data.draw(st.integers(0, most))
    return world


@settings(max_examples=200)
@given(SPECS, st.integers(0, 5), disturbances(0), st.data())
def test_no_order_of_things_breaks_the_limits(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world = a_world(spec, replicas, data)
    for kind, value in events:
        disturb(world, kind, value)
        assert world.stable is not None


@settings(max_examples=200)
@given(SPECS, st.integers(1, 5), disturbances(1), st.data())
def test_the_good_revision_has_all_pods_in_the_end(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world = a_world(spec, replicas, data)
    for kind, value in events:
        disturb(world, kind, value)
    world.speed_up()
    for turn in range(60):
        waits = world.progress is not None and world.progress.phase == "Paused"
        if waits and turn % 3 == 0:
            disturb(world, "promote", 1)
        else:
            world.turn()
    end = decide(world.snapshot())
    expected = world.stable if end.phase is Phase.ABORTED else world.target
    assert end.phase in (Phase.HEALTHY, Phase.ABORTED)
    assert world.stable == expected
    assert good(expected or "X")
    assert world.sizes() == {expected: world.replicas}
    if end.phase is Phase.ABORTED:
        assert not good(world.target) or "on request" in str(end.progress and end.progress.message)


@given(SPECS, st.integers(1, 5), st.sampled_from("bX"), st.data())
def test_no_request_is_without_a_pod_while_a_release_goes_on(
    spec: Any, replicas: int, target: str, data: st.DataObject
) -> None:
    world = a_world(spec | {"maxUnavailable": 0}, replicas, data)
    world.target = target
    for _ in range(25):
        world.turn()
        assert world.cluster.serving() >= replicas


@settings(max_examples=50)
@given(SPECS, st.integers(0, 5), st.sampled_from("bX"), st.integers(0, 2), st.data())
def test_killed_after_each_of_its_writes_it_ends_the_same(
    spec: Any, replicas: int, target: str, phase: int, data: st.DataObject
) -> None:
    """It lives for one write each time, and now and then for none."""
    deadline = 600 if good(target) else 60
    spec |= {"maxUnavailable": 0, "progressDeadlineSeconds": deadline}
    world = a_world(spec, replicas, data)
    world.target = target
    end = target if good(target) or not replicas else "a"
    for turn in range(400):
        if world.progress is not None and world.progress.phase == "Paused":
            world.requests = (Request("promote", f"{target}:{turn}"),)
        world.turn(killed_after=0 if turn % 3 == phase else 1)
        assert world.cluster.serving() >= replicas
        if world.is_over() and world.sizes() == {end: replicas}:
            break
    assert (world.stable, world.sizes()) == (end, {end: replicas})


def phase_of(world: World) -> str:
    return world.progress.phase if world.progress else ""


@pytest.mark.parametrize("writes", range(6))
@pytest.mark.parametrize("strategy", ["RollingUpdate", "Canary", "BlueGreen"])
def test_killed_while_it_takes_a_crashing_revision_back_it_never_trusts_it_again(
    strategy: str, writes: int
) -> None:
    spec = {"strategy": strategy, "bakeSeconds": 600, "canary": {"steps": [{"setWeight": 50}]}}
    world = World(Cluster(good, lambda most: most), rollout(**spec), 3, "a", check)
    world.settle(4)
    world.target = "b"
    while phase_of(world) != "Baking":
        world.turn()
    world.cluster.crash("b")
    world.turn(killed_after=writes)
    world.settle(10)
    assert phase_of(world) == "Aborted"
    assert (world.stable, world.sizes()) == ("a", {"a": 3})
