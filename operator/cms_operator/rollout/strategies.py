"""What each strategy wants at a moment of its rollout: sizes, and who gets the traffic.

All three are one machine: a RollingUpdate is a Canary without steps, a BlueGreen
keeps the traffic where it was until its one step, the switch, is done. A Canary
behind a route has its weights there, and its pods are enough for them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cms_operator.api.fields.rollout import CanaryScale
from cms_operator.api.status import RolloutStatus
from cms_operator.observed.snapshot import FULL, Snapshot
from cms_operator.rollout import routing, steps
from cms_operator.rollout.capacity import Limits, Split, limits, routed_split, serving, split
from cms_operator.rollout.routing import Traffic, WantedTraffic
from cms_operator.rollout.transitions import is_told_to_wait


@dataclass(frozen=True, slots=True)
class Plan:
    """`active` is the one revision that the Service selects; None where it selects all.

    `goal` is in the order in which pods are added. `reached` tells that it is, and that the
    candidate's share of it serves. `traffic` is there where a route does the weighting.
    """

    goal: Mapping[str, int]
    allowed: Limits
    weight: int
    reached: bool
    active: str | None = None
    traffic: Traffic | None = None


def plan(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    if routing.weighs(snapshot, progress.strategy) and progress.strategy != "Canary":
        return replace(stable_plan_by_route(snapshot, str(snapshot.stable)), reached=False)
    if progress.strategy == "BlueGreen":
        return _blue_green(snapshot, progress)
    if snapshot.route is not None and progress.strategy == "Canary":
        return _by_route(snapshot, progress)
    return _by_ratio(snapshot, progress)


def stable_plan_by_route(snapshot: Snapshot, stable: str) -> Plan:
    """Stable has n pods and all the traffic; who may still get a request keeps its pods."""
    n = snapshot.replicas
    wanted = WantedTraffic(stable)
    kept = routing.reachable(snapshot) - {stable}
    goal = {stable: n, **{name: snapshot.revision(name).wanted for name in sorted(kept)}}
    allowed = ratio_limits(snapshot)
    if kept:
        allowed = Limits(max(n, allowed.surge), allowed.unavailable)
    traffic = routing.next_traffic(snapshot, wanted)
    reached = routing.is_set(snapshot, wanted)
    return Plan(goal, allowed, 0, reached, traffic.main, traffic)


def _by_route(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    """The candidate grows before its weight does; nobody shrinks before the gateway has agreed."""
    n, target, stable = snapshot.replicas, snapshot.target, str(snapshot.stable)
    weight = _weight(snapshot, progress)
    pods = routed_split(n, weight, _scale(snapshot, progress), autoscaled=snapshot.autoscaled)
    wanted = WantedTraffic(stable, target, weight, pods.candidate, pods.stable)
    is_set = routing.is_set(snapshot, wanted)
    sizes = {stable: pods.stable, target: pods.candidate}
    traffic = routing.next_traffic(snapshot, wanted)
    if traffic.main is None:
        # The Service selects all, and would send the candidate traffic until stable is complete.
        sizes |= {stable: n, target: 0}
    if is_set and weight == FULL:
        sizes[stable] = n  # warm, for an instant way back
    if not is_set:
        present = {name: min(n, snapshot.revision(name).wanted) for name in sizes}
        sizes = {name: max(size, present[name]) for name, size in sizes.items()}
    kept = routing.reachable(snapshot) - sizes.keys()
    goal = sizes | {name: snapshot.revision(name).wanted for name in sorted(kept)}
    reached = is_set and all(
        snapshot.revision(name).observed and snapshot.revision(name).wanted == goal.get(name, 0)
        for name in {*snapshot.revisions, *goal}
    )
    return Plan(goal, _routed_limits(snapshot, sizes), weight, reached, traffic.main, traffic)


def _scale(snapshot: Snapshot, progress: RolloutStatus) -> CanaryScale | None:
    found = steps.canary_steps(snapshot.rollout, progress.strategy)
    return steps.scale_at(found, progress.current_step_index)


def _routed_limits(snapshot: Snapshot, sizes: Mapping[str, int]) -> Limits:
    allowed = ratio_limits(snapshot)
    above = max(0, min(sum(sizes.values()), 2 * snapshot.replicas) - snapshot.replicas)
    surge = max(above, allowed.surge) if snapshot.autoscaled else above + allowed.surge
    return Limits(surge, allowed.unavailable)


def _by_ratio(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    """Stable keeps what the candidate does not serve yet: so n is followed at any moment."""
    n, target, stable = snapshot.replicas, snapshot.target, str(snapshot.stable)
    allowed = ratio_limits(snapshot)
    weight = _weight(snapshot, progress)
    pods = Split(n, 0) if weight == FULL else split(n, weight, allowed.surge)
    kept = max(pods.stable, n - allowed.unavailable - serving(snapshot.revision(target)))
    goal = {stable: kept} if kept or stable in snapshot.revisions else {}
    goal[target] = pods.candidate
    reached = _has_sizes(snapshot, goal) and serving(snapshot.revision(target)) >= pods.candidate
    return Plan(goal, allowed, weight, reached, _kept_narrow(snapshot, goal))


def _kept_narrow(snapshot: Snapshot, goal: Mapping[str, int]) -> str | None:
    """Stable, until those have gone that are ready and get no traffic, as the candidate or the old
    revision of a BlueGreen: a Service that selects all would send them some.
    """
    stable = str(snapshot.stable)
    idle = any(
        found.available and not found.endpoints
        for name, found in snapshot.revisions.items()
        if name not in goal
    )
    alone = {name for name, count in snapshot.endpoints.items() if count} == {stable}
    return stable if idle and alone else None


def _weight(snapshot: Snapshot, progress: RolloutStatus) -> int:
    """The step's weight; while the rollout is held between two steps, the one that it had."""
    if is_held(snapshot, progress):
        return progress.set_weight
    return steps.weight_at(
        steps.canary_steps(snapshot.rollout, progress.strategy), progress.current_step_index
    )


def is_held(snapshot: Snapshot, progress: RolloutStatus) -> bool:
    return is_told_to_wait(snapshot, progress) and progress.phase == "Paused"


def _has_sizes(snapshot: Snapshot, goal: Mapping[str, int]) -> bool:
    """Every Deployment has its size, and the traffic has followed."""
    names = {*snapshot.revisions, *(name for name, size in goal.items() if size)}
    found = {name: snapshot.revision(name) for name in names}
    return all(
        state.observed and state.wanted == goal.get(name, 0) >= state.endpoints
        for name, state in found.items()
    )


def _blue_green(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    n, target, stable = snapshot.replicas, snapshot.target, str(snapshot.stable)
    goal = {stable: n, target: n}
    candidate = snapshot.revision(target)
    if _mixed_pods_are_needed(snapshot, stable):
        return Plan({stable: n, target: candidate.wanted}, Limits(n, 0), 0, reached=False)
    full = candidate.observed and candidate.wanted == n and candidate.available >= n
    if progress.phase in ("Switching", "Baking"):
        others = sum(
            found.endpoints for name, found in snapshot.revisions.items() if name != target
        )
        switched = full and candidate.endpoints >= n and others == 0
        # It lost its pods after the switch, or before, while the operator was away.
        empty = not candidate.endpoints and candidate.preview < n
        back = empty and (progress.phase == "Switching" or snapshot.revision(stable).available)
        active = who_answers(snapshot, stable) if back else target
        return Plan(goal, Limits(n, 0), FULL, switched, active)
    ready = full and candidate.preview >= n
    return Plan(goal, Limits(n, 0), 0, ready, who_answers(snapshot, stable))


def who_answers(snapshot: Snapshot, wanted: str) -> str | None:
    """The revision that the Service is to select, None for all. One without pods, or with too few,
    takes no traffic from those who answer.
    """
    if _mixed_pods_are_needed(snapshot, wanted):
        return None
    found = snapshot.revision(wanted)
    if found.available or found.endpoints:
        return wanted
    return most_answering(snapshot.endpoints, wanted)


def _mixed_pods_are_needed(snapshot: Snapshot, wanted: str) -> bool:
    """The Service selects all, and narrowed to this one it would have too few pods."""
    answering = snapshot.endpoints
    own = answering.pop(wanted, 0)
    enough = min(snapshot.replicas, own + sum(answering.values()))
    verified = min(own, snapshot.revision(wanted).available)
    return own > 0 and any(answering.values()) and verified < enough


def most_answering(endpoints: Mapping[str, int], nobody: str) -> str:
    """The revision with the most of them; `nobody` where there are none."""
    answering = {name: count for name, count in endpoints.items() if count}
    return max(answering, key=lambda name: (answering[name], name), default=nobody)


def ratio_limits(snapshot: Snapshot) -> Limits:
    rollout = snapshot.rollout
    return limits(rollout.max_surge, rollout.max_unavailable, snapshot.replicas)
