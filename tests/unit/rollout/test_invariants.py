"""Whatever happens in whatever order: the floor, the ceiling, the switch, and the end."""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cms_operator.api.annotations import Verb
from cms_operator.observed.schema import Schemas, can_run
from cms_operator.observed.snapshot import FULL, Request, Snapshot
from cms_operator.rollout.capacity import cost, existing, limits, serving
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision, DecisionPhase
from tests.unit.rollout.pictures import rollout
from tests.unit.rollout.simulation import Cluster, Gateway, World, without_progress

STRATEGIES = ["RollingUpdate", "Canary", "BlueGreen"]
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
        "strategy": st.sampled_from(STRATEGIES),
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
# The database has left b and Y behind.
CONTRACTED = Schemas({"a": 2, "b": 1, "c": 3, "X": 3, "Y": 1}, oldest_readable=2)
VERBS = [verb for verb in get_args(Verb) if verb != "rollback"]  # that has a destination


ROUTED_STEPS = st.lists(
    st.one_of(
        st.integers(0, 100).map(lambda weight: {"setWeight": weight}),
        st.integers(0, 6).map(lambda pods: {"setCanaryScale": {"replicas": pods}}),
        st.integers(0, 100).map(lambda share: {"setCanaryScale": {"weight": share}}),
        st.just({"setCanaryScale": {"matchTrafficWeight": True}}),
        st.just({"pause": {"duration": 20}}),
        st.just({"pause": {}}),
    ),
    min_size=1,
    max_size=5,
)
ROUTED_SPECS = st.fixed_dictionaries(
    {
        "strategy": st.just("Canary"),
        "canary": ROUTED_STEPS.map(lambda steps: {"steps": [{"setWeight": 34}, *steps]}),
        "bakeSeconds": st.sampled_from([0, 30]),
        "maxSurge": st.sampled_from([0, 1, "25%"]),
        "maxUnavailable": st.sampled_from([1, "50%"]),
        "progressDeadlineSeconds": st.just(60),
    }
)


def disturbances(
    fewest_pods: int, *more: st.SearchStrategy[tuple[str, Any]]
) -> st.SearchStrategy[list[tuple[str, Any]]]:
    return st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.integers(1, 6)),
            st.tuples(st.just("scale"), st.integers(fewest_pods, 5)),
            st.tuples(st.just("release"), REVISIONS),
            st.tuples(st.just("lose"), st.just(1)),
            st.tuples(st.just("kill"), st.integers(0, 4)),
            st.tuples(st.sampled_from(VERBS), st.just(1)),
            st.tuples(st.just("rollback"), REVISIONS),
            st.tuples(st.just("hold"), st.booleans()),
            st.tuples(st.just("strategy"), st.sampled_from(STRATEGIES)),
            st.tuples(st.just("steps"), STEPS),
            *more,
        ),
        max_size=12,
    )


def good(revision: str) -> bool:
    return revision[0].islower()


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
    assert grown <= max(pods, ceiling(world, snapshot, decision, max(allowed.surge, 1))), (
        "the ceiling"
    )
    if decision.active not in (None, world.cluster.active) and world.cluster.active is not None:
        found = snapshot.revision(decision.active or "")
        answering = snapshot.revision(world.cluster.active).endpoints
        back = decision.active == snapshot.stable and found.available
        gateway = world.cluster.gateway
        has_all = gateway is not None and gateway.settled and gateway.accepted[0] == FULL
        is_safe = not answering or back or has_all or found.preview >= snapshot.replicas
        assert is_safe, "the switch"
    if decision.active and world.cluster.active is None:
        left = snapshot.revision(decision.active).endpoints
        least = min(before, snapshot.replicas - allowed.unavailable)
        assert left >= least, "the narrowing"


def ceiling(world: World, snapshot: Snapshot, decision: Decision, surge: int) -> int:
    n, progress = snapshot.replicas, decision.progress
    usual = n + surge
    if decision.traffic is not None and progress and progress.strategy != "Canary":
        return max(2 * n, usual)  # what a Canary before it has led the gateway to
    if progress is None or progress.strategy == "RollingUpdate":
        return usual
    if progress.strategy == "BlueGreen":
        return max(2 * n, usual)
    if world.cluster.gateway is None:
        return usual
    if world.autoscaled:
        return max(2 * n, usual)
    return n + min(n, decision.goal.get(progress.revision, 0)) + surge


def repeats_itself(snapshot: Snapshot, decision: Decision) -> None:
    again = decide(without_progress(snapshot, decision))
    assert (again.sizes, again.active, again.progress) == (
        decision.sizes, decision.active, decision.progress
    )  # fmt: skip
    assert again.again != 0, "it would be decided again and again, with nothing new"


def names_only_what_gets_traffic(decision: Decision) -> None:
    preview = decision.traffic and decision.traffic.preview
    for name in decision.serving:
        assert decision.sizes.get(name, 0) or name in {decision.active, preview}


def check(world: World, snapshot: Snapshot, decision: Decision) -> None:
    within_limits(world, snapshot, decision)
    repeats_itself(snapshot, decision)
    names_only_what_gets_traffic(decision)
    starts_nothing_that_the_schema_left_behind(snapshot, decision)
    an_abort_takes_the_weight_at_once(world, decision)


def starts_nothing_that_the_schema_left_behind(snapshot: Snapshot, decision: Decision) -> None:
    assert can_run(snapshot.schemas, str(decision.stable)), "stable always has its way back"
    for name, size in decision.sizes.items():
        if not can_run(snapshot.schemas, name):
            assert size <= snapshot.revision(name).wanted


def an_abort_takes_the_weight_at_once(world: World, decision: Decision) -> None:
    progress = decision.progress
    if (
        decision.phase is not DecisionPhase.ABORTED
        or progress is None
        or progress.strategy != "Canary"
    ):
        return
    if world.cluster.gateway and decision.traffic:
        route = world.cluster.route()
        nobody = route is None or not any(route.endpoints.values())
        # After the release before, the route may still lead to stable by the preview Service.
        leads_to_stable = decision.traffic.preview == decision.stable
        assert decision.traffic.weight == 0 or leads_to_stable or nobody, "the abort"


EDITS: Mapping[str, Callable[[Any], Mapping[str, Any]]] = {
    "strategy": lambda strategy: {"strategy": strategy},
    "steps": lambda steps: {"canary": rollout(canary={"steps": steps}).canary},
    "hold": lambda paused: {"paused": paused},
}


def disturb(world: World, kind: str, value: Any) -> None:
    if kind == "scale":
        world.replicas = value
    elif kind == "release":
        world.target = value
    elif kind == "lose":
        world.cluster.lose_a_pod()
    elif kind == "away" and world.cluster.gateway:
        world.cluster.gateway.away = value
    elif kind in EDITS:
        world.rollout = world.rollout.model_copy(update=EDITS[kind](value))
    elif kind == "rollback":
        world.requests = (Request("rollback", f"{world.wanted().revision}:{value}:{world.turns}"),)
    elif kind in VERBS:
        target = world.wanted().target
        world.requests = (Request(kind, f"{target}:{world.turns}"),)  # type: ignore[arg-type]
    for _ in range(value if kind == "wait" else 1):
        world.turn(killed_after=value if kind == "kill" else None)


def a_world(spec: Any, replicas: int, data: st.DataObject, gateway: Gateway | None = None) -> World:
    cluster = Cluster(good, lambda most: data.draw(st.integers(0, most)), gateway=gateway)
    world = World(cluster, rollout(**spec), replicas, "a", check)
    world.schemas = data.draw(st.sampled_from([Schemas(), CONTRACTED]))
    cluster.chance = lambda most: most
    world.settle(4)
    assert world.stable == "a"
    cluster.chance = lambda most: data.draw(st.integers(0, most))
    return world


def ends_well(world: World) -> None:
    world.speed_up()
    for turn in range(60):
        held = world.progress is not None and world.progress.held_by is not None
        if (held or phase_of(world) == "Paused") and turn % 3 == 0:
            disturb(world, "resume" if held else "promote", 1)
        else:
            world.turn()
    end = decide(world.snapshot())
    back = end.phase in (DecisionPhase.ABORTED, DecisionPhase.REFUSED)
    expected = world.stable if back else world.wanted().target
    assert back or end.phase is DecisionPhase.HEALTHY
    assert world.stable == expected
    assert good(expected or "X")
    assert world.sizes() == {expected: world.replicas}
    if end.phase is DecisionPhase.ABORTED:
        why = str(end.progress and end.progress.message)
        was_away = world.cluster.gateway is not None and world.cluster.gateway.was_away
        assert not good(world.wanted().target) or "on request" in why or was_away
    if world.pin:
        assert world.pin.from_revision == world.wanted().revision


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
    ends_well(world)


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
    deadline = 600 if good(target) else 60
    spec |= {"maxUnavailable": 0, "progressDeadlineSeconds": deadline}
    world = a_world(spec, replicas, data)
    world.schemas = Schemas()
    for _ in killed_again_and_again(world, target, phase):
        assert world.cluster.serving() >= replicas


def killed_again_and_again(world: World, target: str, phase: int) -> Iterator[None]:
    """Each turn of its release. It lives for one write each time, and now and then for none."""
    replicas = world.replicas
    end = target if good(target) or not replicas else "a"
    world.target = target
    for turn in range(400):
        if phase_of(world) == "Paused":
            world.requests = (Request("promote", f"{target}:{turn}"),)
        world.turn(killed_after=0 if turn % 3 == phase else 1)
        yield
        if world.is_over() and world.sizes() == {end: replicas} and is_closed(world):
            break
    assert (world.stable, world.sizes()) == (end, {end: replicas})


def is_closed(world: World) -> bool:
    """No route leads to a candidate any more."""
    gateway = world.cluster.gateway
    return gateway is None or gateway.accepted == (0, False)


@pytest.mark.parametrize("strategy", ["RollingUpdate", "BlueGreen"])
def test_a_release_without_weights_waits_for_no_gateway(strategy: str) -> None:
    """Not for one that is away, nor where another release comes in between."""
    gateway = Gateway(settled=False, away=True)
    cluster = Cluster(good, lambda most: most, gateway=gateway)
    world = World(cluster, rollout(strategy=strategy), 3, "a", check)
    world.settle(6)
    for target in "bc":
        world.target = target
        world.settle(2)
    world.settle(12)
    assert (world.stable, phase_of(world)) == ("c", "Completed")


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("gateway", [Gateway, lambda: None], ids=["gateway", "no gateway"])
@pytest.mark.parametrize("replicas", [0, 1, 3])
def test_nothing_that_is_due_waits_for_a_resync(
    replicas: int, gateway: Callable[[], Gateway | None], strategy: str
) -> None:
    """It looks again only after an event, or where it has asked to."""
    cluster = Cluster(good, lambda most: most, gateway=gateway())
    spec = {"strategy": strategy, "blueGreen": {"scaleDownDelaySeconds": 0}}
    world = World(cluster, rollout(**spec), replicas, "a", check)
    for target in "abc":
        world.target = target
        while world.turn_and_tell():
            assert world.turns < 100
        assert (world.stable, world.sizes()) == (target, {target: replicas})
        closed = cluster.gateway and (cluster.gateway.weight, cluster.gateway.leads)
        assert closed in (None, (0, False))


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


AWAY = st.tuples(st.just("away"), st.booleans())


def routed_events(fewest_pods: int) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """A release that is let go on for a while, before the rest happens."""
    long = st.tuples(st.just("wait"), st.integers(5, 20))
    more = disturbances(fewest_pods, AWAY, long)
    return st.tuples(long, more, long).map(
        lambda drawn: [("release", "b"), drawn[0], *drawn[1], drawn[2]]
    )


def a_routed_world(spec: Any, replicas: int, data: st.DataObject) -> World:
    """Its luck comes from one number, so that it goes far in most examples."""
    world = a_world(spec, replicas, data, Gateway())
    world.schemas = Schemas()
    luck = Random(data.draw(st.integers(0, 2**32)))  # noqa: S311
    world.cluster.chance = lambda most: luck.randint(0, most)
    world.autoscaled = data.draw(st.booleans())
    return world


@settings(max_examples=150)
@given(ROUTED_SPECS, st.integers(0, 5), routed_events(0), st.data())
def test_behind_a_route_no_order_of_things_breaks_the_limits(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world = a_routed_world(spec, replicas, data)
    for kind, value in events:
        disturb(world, kind, value)
        assert world.stable is not None


@settings(max_examples=150)
@given(ROUTED_SPECS, st.integers(1, 5), routed_events(1), st.data())
def test_behind_a_route_the_good_revision_has_all_pods_in_the_end(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    world = a_routed_world(spec, replicas, data)
    for kind, value in events:
        disturb(world, kind, value)
    ends_well(world)
    gateway = world.cluster.gateway
    assert gateway
    narrowed = (None,) if world.rollout.strategy == "RollingUpdate" else ()
    assert gateway.accepted == (0, False)
    assert world.cluster.active in {world.stable, *narrowed}


@settings(max_examples=150)
@given(ROUTED_SPECS, st.integers(1, 5), routed_events(1), st.data())
def test_no_backend_with_a_weight_is_ever_without_a_ready_endpoint(
    spec: Any, replicas: int, events: list[tuple[str, Any]], data: st.DataObject
) -> None:
    """Whatever people, the autoscaler and the gateway do; only a lost pod may leave one empty, and
    a RollingUpdate of one pod that may be unavailable.
    """
    world = a_routed_world(spec, replicas, data)
    may_be_none = limits(spec["maxSurge"], spec["maxUnavailable"], 1).unavailable
    for kind, value in events:
        if kind == "lose" or (may_be_none and value == "RollingUpdate"):
            continue
        for _ in range(value if kind == "wait" else 1):
            disturb(world, "wait" if kind == "wait" else kind, 1 if kind == "wait" else value)
            assert world.cluster.unanswered() == [], (kind, value)


@settings(max_examples=50)
@given(ROUTED_SPECS, st.integers(0, 5), st.sampled_from("bX"), st.integers(0, 2), st.data())
def test_behind_a_route_killed_after_each_of_its_writes_it_ends_the_same(
    spec: Any, replicas: int, target: str, phase: int, data: st.DataObject
) -> None:
    deadline = 600 if good(target) else 60
    world = a_routed_world(spec | {"progressDeadlineSeconds": deadline}, replicas, data)
    for _ in killed_again_and_again(world, target, phase):
        assert not replicas or world.cluster.unanswered() == []
    gateway = world.cluster.gateway
    assert gateway
    assert gateway.accepted == (0, False)
