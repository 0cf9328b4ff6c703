"""The engine: from what is there to the next acts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from math import inf

from cms_operator.api.status import RolloutStatus
from cms_operator.observed.schema import Schemas, can_run, why_not
from cms_operator.observed.snapshot import FULL, Snapshot
from cms_operator.rollout import routing, steps, transitions
from cms_operator.rollout.capacity import Limits, existing, next_sizes, serving
from cms_operator.rollout.decision import Decision, DecisionPhase
from cms_operator.rollout.requests import answer, keep_answers
from cms_operator.rollout.strategies import (
    Plan,
    most_answering,
    plan,
    ratio_limits,
    stable_plan_by_route,
    who_answers,
)
from cms_operator.rollout.turns import actual_weight, next_look, turn, until

# More turns than this without an end would be a circle.
_MOST_TURNS = 64


def decide(snapshot: Snapshot) -> Decision:
    """Keeps nothing: the same snapshot gives the same decision."""
    if snapshot.suspended:
        return _suspended(snapshot)
    if snapshot.stable is None:
        return _first(snapshot)
    if snapshot.target == snapshot.stable:
        return _settled(snapshot)
    if is_refused(snapshot.stable, snapshot.target, snapshot.schemas):
        return _refused(snapshot)
    if _waits_for_migration(snapshot):
        progress = transitions.stop_clocks(_of_target(snapshot), snapshot.now)
        if snapshot.answers:
            progress = keep_answers(progress or transitions.first_completed(snapshot), snapshot)
        return _acts(snapshot, DecisionPhase.MIGRATING, _stable_plan(snapshot), progress)
    return _rollout(snapshot)


def is_refused(stable: str | None, target: str, schemas: Schemas) -> bool:
    """No rollout to this target: the database no longer works with its image."""
    return stable not in (None, target) and not can_run(schemas, target)


def serves(snapshot: Snapshot, name: str) -> bool:
    """All n pods of a revision are available and the Service sends traffic to as many."""
    found, replicas = snapshot.revision(name), snapshot.replicas
    return found.observed and found.wanted == replicas and serving(found) >= replicas


def _suspended(snapshot: Snapshot) -> Decision:
    """What is there stays there; no request is answered and no rollout goes on."""
    sizes = {name: found.wanted for name, found in snapshot.revisions.items()}
    answering = tuple(name for name, found in snapshot.revisions.items() if found.endpoints)
    return Decision(
        phase=DecisionPhase.SUSPENDED,
        target=snapshot.target,
        stable=snapshot.stable,
        sizes=sizes,
        goal=sizes,
        serving=answering or tuple(name for name, size in sizes.items() if size),
        progress=transitions.stop_clocks(snapshot.progress, snapshot.now),
    )


def _first(snapshot: Snapshot) -> Decision:
    """Nothing has passed yet, so there is nothing to go back to."""
    target, replicas = snapshot.target, snapshot.replicas
    if not snapshot.is_migrated and snapshot.revision(target).wanted == 0:
        goal = {target: 0} if target in snapshot.revisions else {}
        return _acts(
            snapshot, DecisionPhase.MIGRATING, Plan(goal, Limits(0, 0), 0, reached=False), None
        )
    allowed = Limits(max(ratio_limits(snapshot).surge, 1), 0)
    wanted = Plan(
        {target: replicas}, allowed, FULL, serves(snapshot, target), _narrowed_to(snapshot)
    )
    main = _until_taken_over(snapshot)
    if routing.weighs(snapshot, snapshot.rollout.strategy):
        traffic = routing.next_traffic(snapshot, routing.WantedTraffic(main, target))
        wanted = replace(wanted, active=traffic.main, traffic=traffic)
    elif wanted.active:
        wanted = replace(wanted, active=main)
    if wanted.active not in (None, target):
        wanted = replace(wanted, allowed=Limits(replicas, 0))
    if not wanted.reached:
        return _acts(snapshot, DecisionPhase.PROGRESSING, wanted, None)
    # What stood there before, as after a restore, was answered in an earlier life.
    progress = (
        keep_answers(transitions.first_completed(snapshot), snapshot) if snapshot.answers else None
    )
    return _acts(snapshot, DecisionPhase.HEALTHY, wanted, progress)


def _until_taken_over(snapshot: Snapshot) -> str:
    """The target, once it would answer with as many pods as another one does."""
    target, route = snapshot.target, snapshot.route
    endpoints = snapshot.endpoints if route is None else route.endpoints
    others = {name: count for name, count in endpoints.items() if name != target}
    enough = min(snapshot.replicas, sum(others.values()))
    found = snapshot.revision(target)
    is_enough = min(found.available, found.preview) >= enough
    return target if is_enough else most_answering(others, target)


def _settled(snapshot: Snapshot) -> Decision:
    """The spec asks for what is stable; a rollout to anything else is over."""
    progress = snapshot.progress
    if progress and progress.revision != snapshot.target and _goes_on(progress):
        progress = transitions.enter(progress, "Superseded", snapshot.now)
    if snapshot.requests or snapshot.answers:
        progress = answer(progress or transitions.first_completed(snapshot), snapshot)
    wanted = _stable_plan(snapshot)
    warm = len(wanted.goal) > 1 and progress is not None
    again = until(snapshot, progress.scale_down_at if warm and progress else None)
    return _acts(snapshot, DecisionPhase.HEALTHY, wanted, progress, again=again)


def _stable_plan(snapshot: Snapshot) -> Plan:
    """Stable has n pods; after a BlueGreen the one before is kept warm for a while."""
    stable, n = str(snapshot.stable), snapshot.replicas
    if routing.weighs(snapshot, snapshot.rollout.strategy):
        return stable_plan_by_route(snapshot, stable)
    reached = serves(snapshot, stable)
    if warm := _kept_warm(snapshot):
        return Plan({stable: n, warm: n}, Limits(n, 0), FULL, reached, _narrowed_to(snapshot))
    return Plan({stable: n}, ratio_limits(snapshot), FULL, reached, _narrowed_to(snapshot))


def _kept_warm(snapshot: Snapshot) -> str | None:
    progress = snapshot.progress
    if progress is None or progress.revision != snapshot.stable or progress.scale_down_at is None:
        return None
    known = progress.previous in snapshot.revisions
    return progress.previous if known and snapshot.now < progress.scale_down_at else None


def _narrowed_to(snapshot: Snapshot) -> str | None:
    """The revision that the Service selects, None for all; it stays narrowed while pods are there
    that shall get no traffic.
    """
    stable = snapshot.stable or snapshot.target
    progress = snapshot.progress
    others = any(existing(found) for name, found in snapshot.revisions.items() if name != stable)
    was_narrowed = others and progress is not None and progress.strategy == "BlueGreen"
    if snapshot.rollout.strategy == "BlueGreen" or was_narrowed:
        return who_answers(snapshot, stable)
    return None


def _waits_for_migration(snapshot: Snapshot) -> bool:
    """A revision whose pods have started has had its migration; a new tenant holds none back."""
    progress = snapshot.progress
    taken_back = progress is not None and (progress.revision, progress.phase) == (
        snapshot.target,
        "Aborted",
    )
    return (
        not snapshot.is_migrated
        and snapshot.revision(snapshot.target).wanted == 0
        and not taken_back
    )


def _of_target(snapshot: Snapshot) -> RolloutStatus | None:
    """The rollout to the target; one to another revision is over, though this one cannot begin."""
    progress = snapshot.progress
    if progress and transitions.is_in_flight(progress) and progress.revision != snapshot.target:
        return transitions.enter(progress, "Superseded", snapshot.now)
    return progress


def _goes_on(progress: RolloutStatus) -> bool:
    return transitions.is_in_flight(progress) or progress.phase == "Aborted"


def _refused(snapshot: Snapshot) -> Decision:
    """The database has left behind what the target's image can read: stable serves on."""
    progress = _of_target(snapshot)
    if progress and transitions.is_in_flight(progress):
        why = f"It cannot run: {why_not(snapshot.schemas, snapshot.target)}."
        progress = transitions.abort(progress, why, snapshot.now)
    if snapshot.requests or snapshot.answers:
        progress = answer(progress or transitions.first_completed(snapshot), snapshot)
    return _acts(snapshot, DecisionPhase.REFUSED, _stable_plan(snapshot), progress)


def may_contract(snapshot: Snapshot, decision: Decision) -> bool:
    """The target was reported as stable, all its pods serve, and no other revision has one.

    What a rollback leads to came before the schema that the spec's image would contract.
    """
    return (
        snapshot.pin is None
        and snapshot.stable == snapshot.target
        and decision.phase is DecisionPhase.HEALTHY
        and serves(snapshot, snapshot.target)
        and not any(
            existing(found) for name, found in snapshot.revisions.items() if name != snapshot.target
        )
    )


def _rollout(snapshot: Snapshot) -> Decision:
    progress = snapshot.progress
    if progress is None or progress.revision != snapshot.target or not _goes_on(progress):
        progress = transitions.begin(snapshot)
    elif snapshot.judgement and transitions.is_in_flight(progress):
        progress = transitions.measured(progress, snapshot.judgement)
    progress = answer(progress, snapshot)
    if transitions.is_in_flight(progress):
        progress = transitions.follow_spec(progress, snapshot)
    for _ in range(_MOST_TURNS):
        if progress.phase == "Aborted":
            weight = actual_weight(snapshot, progress)
            progress = transitions.with_weights(progress, progress.set_weight, weight)
            return _acts(snapshot, DecisionPhase.ABORTED, _stable_plan(snapshot), progress)
        if progress.phase == "Completed":
            return _promoted(snapshot, progress)
        following = turn(snapshot, progress, plan(snapshot, progress))
        if following == progress:
            break
        progress = following
    return _under_way(snapshot, progress)


def _promoted(snapshot: Snapshot, progress: RolloutStatus) -> Decision:
    progress = transitions.with_weights(progress, FULL, FULL)
    if progress.strategy == "BlueGreen":
        delay = timedelta(seconds=steps.blue_green(snapshot.rollout).scale_down_delay_seconds)
        progress = transitions.keep_warm(progress, delay, snapshot.now)
    return _settled(replace(snapshot, stable=snapshot.target, progress=progress))


def _under_way(snapshot: Snapshot, progress: RolloutStatus) -> Decision:
    wanted = plan(snapshot, progress)
    weighed = transitions.with_weights(progress, wanted.weight, actual_weight(snapshot, progress))
    phases = {
        "Paused": DecisionPhase.PAUSED,
        "Analyzing": DecisionPhase.ANALYZING,
        "Baking": DecisionPhase.BAKING,
    }
    phase = phases.get(progress.phase, DecisionPhase.PROGRESSING)
    again = next_look(snapshot, progress)
    return _acts(snapshot, phase, wanted, weighed, again=again)


def _acts(
    snapshot: Snapshot,
    phase: DecisionPhase,
    wanted: Plan,
    progress: RolloutStatus | None,
    *,
    again: float = inf,
) -> Decision:
    sizes = next_sizes(snapshot.revisions, wanted.goal, snapshot.replicas, wanted.allowed)
    empty = [
        name
        for name, found in snapshot.revisions.items()
        if name not in wanted.goal and existing(found) == 0
    ]
    keep = {name: size for name, size in sizes.items() if name not in empty}
    in_flight = phase in (
        DecisionPhase.PROGRESSING,
        DecisionPhase.PAUSED,
        DecisionPhase.ANALYZING,
        DecisionPhase.BAKING,
    )
    passed = phase is DecisionPhase.HEALTHY
    return Decision(
        phase=phase,
        target=snapshot.target,
        stable=snapshot.target if passed else snapshot.stable,
        sizes=keep,
        goal=wanted.goal,
        retire=tuple(sorted(empty)),
        serving=_with_a_share(wanted, keep),
        active=wanted.active,
        preview=_preview(snapshot, wanted, in_flight=in_flight),
        traffic=wanted.traffic,
        progress=progress,
        again=max(0.0, again) if again < inf else None,
    )


def _with_a_share(wanted: Plan, sizes: Mapping[str, int]) -> tuple[str, ...]:
    traffic = wanted.traffic
    if wanted.active is None:
        return tuple(name for name in sizes if sizes[name])
    if traffic is None or traffic.preview == wanted.active:
        return (wanted.active,)
    shares = {wanted.active: FULL - traffic.weight, traffic.preview: traffic.weight}
    return tuple(name for name, share in shares.items() if share)


def _preview(snapshot: Snapshot, wanted: Plan, *, in_flight: bool) -> str | None:
    if wanted.traffic is not None:
        return wanted.traffic.preview
    return wanted.active and (snapshot.target if in_flight else wanted.active)
