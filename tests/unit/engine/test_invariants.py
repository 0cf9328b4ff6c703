"""Whatever happens in whatever order: the floor, the ceiling, the switch, and the end."""

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from cms_operator.rollout.capacity import limits
from cms_operator.rollout.decide import Decision, Phase, decide
from cms_operator.rollout.snapshot import RevisionState, Snapshot
from tests.unit.engine.pictures import rollout
from tests.unit.engine.simulation import Cluster, World, is_good

STRATEGIES = st.sampled_from(["RollingUpdate", "Canary", "BlueGreen"])
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
        "strategy": STRATEGIES,
        "canary": STEPS.map(lambda steps: {"steps": steps}),
        "bakeSeconds": st.sampled_from([0, 30]),
        "maxSurge": st.sampled_from([1, 2, "25%", "100%"]),
        "maxUnavailable": st.sampled_from([0, 0, 1, "50%"]),
        "progressDeadlineSeconds": st.just(60),
        "blueGreen": st.fixed_dictionaries(
            {
                "autoPromotionEnabled": st.booleans(),
                "autoPromotionSeconds": st.sampled_from([0, 10]),
                "scaleDownDelaySeconds": st.integers(0, 40),
            }
        ),
    }
)
Event = tuple[str, Any]
COMMON = (
    st.tuples(st.just("wait"), st.integers(1, 6)),
    st.tuples(st.just("away"), st.integers(1, 4)),
    st.tuples(st.just("kill"), st.integers(0, 3)),
    st.tuples(st.just("ask"), st.sampled_from(["promote", "promote-full", "abort", "retry"])),
    st.tuples(st.just("hold"), st.booleans()),
    st.tuples(st.just("strategy"), STRATEGIES),
    st.tuples(st.just("steps"), STEPS),
)
TROUBLE = (
    st.tuples(st.just("scale"), st.integers(0, 5)),
    st.tuples(st.just("release"), st.sampled_from(["a", "b", "c", "X", "Y"])),
    st.tuples(st.just("lose"), st.integers(1, 5)),
)
ORDINARY = st.lists(
    st.one_of(*COMMON, st.tuples(st.just("release"), st.sampled_from(["a", "b", "c"]))),
    max_size=15,
)
ANYTHING = st.lists(st.one_of(*COMMON, *TROUBLE), max_size=15)
WEATHER = st.randoms(use_true_random=True)


def happen(world: World, kind: str, value: Any) -> None:
    match kind:
        case "wait":
            return world.settle(value)
        case "away":
            for _ in range(value):
                world.pass_time()
            return None
        case "kill":
            return world.turn(writes=value)
        case "ask":
            world.ask(value)
        case "hold":
            world.change(paused=value)
        case "strategy":
            world.change(strategy=value)
        case "steps":
            world.change(canary=rollout(canary={"steps": value}).canary)
        case "scale":
            world.replicas = value
        case "release":
            world.target = value
        case "lose":
            for found in world.cluster.deployments.values():
                found.lose(value)
    return world.turn()


def a_world(spec: Any, replicas: int, random: Random) -> World:
    """Revision a is stable; it is a good one."""
    world = World(Cluster(random, calm=True), rollout(**spec), replicas, "a", check)
    world.settle(6)
    assert (world.stable, world.sizes()) == ("a", {"a": replicas})
    world.cluster.calm = False
    return world


def check(world: World, snapshot: Snapshot, decision: Decision) -> None:
    keeps_the_floor(world, snapshot, decision)
    keeps_the_ceiling(snapshot, decision)
    switches_to_what_is_complete(world, snapshot, decision)
    shows_no_superseded_pods(world, snapshot, decision)
    repeats_itself(snapshot, decision)
    for name in decision.serving:
        assert decision.sizes.get(name, 0) or decision.active == name


def keeps_the_floor(world: World, snapshot: Snapshot, decision: Decision) -> None:
    rollout = snapshot.rollout
    allowed = limits(rollout.max_surge, rollout.max_unavailable, snapshot.replicas)
    before = sum(serving(found) for found in snapshot.revisions.values())
    after = sum(
        left_at_worst(found, decision.sizes.get(name, 0), joins=joins(world, decision, name))
        for name, found in snapshot.revisions.items()
        if decision.active in (None, name)
    )
    assert after >= min(before, snapshot.replicas - allowed.unavailable), "the floor"


def joins(world: World, decision: Decision, name: str) -> bool:
    """The Service selects it after this act and did not before."""
    return decision.active in (None, name) and world.cluster.active not in (None, name)


def serving(found: RevisionState) -> int:
    return min(found.wanted, found.available, found.endpoints)


def left_at_worst(found: RevisionState, size: int, *, joins: bool) -> int:
    """A Deployment removes first what is not ready, and of the rest whatever it likes."""
    serves = min(found.wanted, found.available) if joins else serving(found)
    idle = max(0, found.wanted - found.ready)
    return max(0, serves - max(0, found.wanted - size - idle))


def keeps_the_ceiling(snapshot: Snapshot, decision: Decision) -> None:
    rollout, n = snapshot.rollout, snapshot.replicas
    surge = limits(rollout.max_surge, rollout.max_unavailable, n).surge
    doubles = decision.progress is not None and decision.progress.strategy == "BlueGreen"
    ceiling = max(2 * n if doubles else 0, n + max(surge, 1))
    before = {name: max(found.wanted, found.current) for name, found in snapshot.revisions.items()}
    grown = sum(
        max(before.get(name, 0), decision.sizes.get(name, 0))
        for name in {*before, *decision.sizes}
    )
    assert grown <= max(sum(before.values()), ceiling), "the ceiling"


def switches_to_what_is_complete(world: World, snapshot: Snapshot, decision: Decision) -> None:
    """Back to the stable revision there is no preview; what it must bear is the floor."""
    if decision.active in (None, world.cluster.active, snapshot.stable):
        return
    found = snapshot.revision(str(decision.active))
    served = {name for name, state in snapshot.revisions.items() if serving(state)}
    stays = served <= {decision.active}
    assert stays or min(found.available, found.preview) >= snapshot.replicas, "the switch"


def shows_no_superseded_pods(world: World, snapshot: Snapshot, decision: Decision) -> None:
    if decision.active is None and world.cluster.active is not None:
        pods = {name for name, found in snapshot.revisions.items() if found.current}
        known = {snapshot.stable, snapshot.target, world.cluster.active}
        assert pods <= known, "the Service is opened"


def repeats_itself(snapshot: Snapshot, decision: Decision) -> None:
    again = decide(replace(snapshot, progress=decision.progress, stable=decision.stable))
    assert (again.sizes, again.active, again.progress) == (
        decision.sizes, decision.active, decision.progress
    )  # fmt: skip


@settings(max_examples=200)
@given(SPECS, st.integers(0, 5), ANYTHING, WEATHER)
def test_no_order_of_things_breaks_the_limits(
    spec: Any, replicas: int, events: list[Event], weather: Random
) -> None:
    world = a_world(spec, replicas, weather)
    for kind, value in events:
        happen(world, kind, value)
        assert world.stable is not None


@settings(max_examples=200)
@given(SPECS, st.integers(1, 5), ORDINARY, WEATHER)
def test_requests_are_answered_by_n_pods_while_good_releases_come_and_go(
    spec: Any, replicas: int, events: list[Event], weather: Random
) -> None:
    """Measured at the pods and their endpoints, however late the operator hears of them."""
    world = a_world(spec, replicas, weather)
    floor = replicas - limits(
        world.rollout.max_surge, world.rollout.max_unavailable, replicas
    ).unavailable
    for kind, value in events:
        for _ in range(value if kind in ("wait", "away") else 1):
            happen(world, kind, 1 if kind in ("wait", "away") else value)
            assert world.cluster.working() >= floor


def run_to_the_end(world: World, target: str) -> Decision:
    """Disturbances are over, and whoever is asked promotes."""
    world.cluster.calm = True
    world.change(paused=False)
    world.target = target
    for turn in range(90):
        if world.progress is not None and world.progress.phase == "Paused" and turn % 3 == 0:
            world.ask("promote")
        world.turn()
    return decide(world.snapshot())


@settings(max_examples=150)
@given(SPECS, st.integers(0, 5), ANYTHING, WEATHER)
def test_a_good_revision_has_all_pods_in_the_end(
    spec: Any, replicas: int, events: list[Event], weather: Random
) -> None:
    """Although the one before may be broken."""
    world = a_world(spec, replicas, weather)
    for kind, value in events:
        happen(world, kind, value)
    end = run_to_the_end(world, "good")
    assert (end.phase, world.stable) == (Phase.HEALTHY, "good")
    assert world.sizes() == {"good": world.replicas}
    assert world.cluster.working() == world.replicas


@settings(max_examples=150)
@given(SPECS, st.integers(1, 5), ANYTHING, st.sampled_from(["Xbad", "Ybad"]), WEATHER)
def test_a_bad_revision_is_taken_back_and_stays_at_zero(
    spec: Any, replicas: int, events: list[Event], target: str, weather: Random
) -> None:
    world = a_world(spec | {"bakeSeconds": 30}, replicas, weather)
    for kind, value in events:
        happen(world, kind, value)
    world.replicas = max(1, world.replicas)
    end = run_to_the_end(world, target)
    assert (end.phase, world.stable) == (Phase.ABORTED, end.stable)
    assert target not in world.sizes()
    assert end.sizes == {world.stable: world.replicas}
    if is_good(str(world.stable)):
        event("back to a good one")
        assert world.cluster.working() == world.replicas
