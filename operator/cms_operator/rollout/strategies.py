"""What each strategy wants at a moment of its rollout: sizes, and who gets the traffic.

All three are one machine: a RollingUpdate is a Canary without steps, a BlueGreen
keeps the traffic where it was until its one step, the switch, is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cms_operator.api.status import RolloutStatus
from cms_operator.rollout import steps
from cms_operator.rollout.capacity import FULL, Limits, Split, limits, serving, split
from cms_operator.rollout.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Plan:
    """`active` is the one revision that the Service selects; None where it selects all.

    `goal` is in the order in which pods are added. `reached` tells that it is,
    and that the candidate's share of it serves.
    """

    goal: Mapping[str, int]
    allowed: Limits
    weight: int
    reached: bool
    active: str | None = None


def plan(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    if progress.strategy == "BlueGreen":
        return _blue_green(snapshot, progress)
    return _by_ratio(snapshot, progress)


def _by_ratio(snapshot: Snapshot, progress: RolloutStatus) -> Plan:
    """Stable keeps what the candidate does not serve yet: so n is followed at any moment."""
    n, target, stable = snapshot.replicas, snapshot.target, str(snapshot.stable)
    allowed = ratio_limits(snapshot)
    weight = _weight(snapshot, progress)
    share = Split(n, 0) if weight == FULL else split(n, weight, allowed.surge)
    kept = max(share.stable, n - allowed.unavailable - serving(snapshot.revision(target)))
    goal = {stable: kept} if kept or stable in snapshot.revisions else {}
    goal[target] = share.candidate
    reached = _has_sizes(snapshot, goal) and serving(snapshot.revision(target)) >= share.candidate
    return Plan(goal, allowed, weight, reached)


def _weight(snapshot: Snapshot, progress: RolloutStatus) -> int:
    """While it is held between two steps, the weight stays what it was."""
    if is_held(snapshot, progress):
        return progress.set_weight
    return steps.weight_at(
        steps.canary_steps(snapshot.rollout, progress.strategy), progress.current_step_index
    )


def is_held(snapshot: Snapshot, progress: RolloutStatus) -> bool:
    return snapshot.rollout.paused and progress.phase == "Paused"


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
    full = candidate.observed and candidate.wanted == n and candidate.available >= n
    if progress.phase in ("Switching", "Baking"):
        others = sum(
            found.endpoints for name, found in snapshot.revisions.items() if name != target
        )
        switched = full and candidate.endpoints >= n and others == 0
        # The operator may have been away since it wrote that it will switch.
        empty = progress.phase == "Switching" and not candidate.endpoints and candidate.preview < n
        return Plan(goal, Limits(n, 0), FULL, switched, stable if empty else target)
    return Plan(goal, Limits(n, 0), 0, full and candidate.preview >= n, stable)


def ratio_limits(snapshot: Snapshot) -> Limits:
    rollout = snapshot.rollout
    return limits(rollout.max_surge, rollout.max_unavailable, snapshot.replicas)
