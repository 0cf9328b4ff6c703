"""The engine: from what is there to the next acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import inf

from cms_operator.api.status import RolloutStatus
from cms_operator.rollout import progress as course
from cms_operator.rollout import steps
from cms_operator.rollout.capacity import FULL, Limits, existing, next_sizes, serving
from cms_operator.rollout.requests import answer
from cms_operator.rollout.snapshot import Snapshot
from cms_operator.rollout.strategies import Plan, is_held, plan, ratio_limits

# More turns than this without an end would be a circle.
_MOST_TURNS = 64


class Phase(StrEnum):
    MIGRATING = "Migrating"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    BAKING = "Baking"
    ABORTED = "Aborted"
    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Decision:
    """`sizes` is what each Deployment is to have now, `goal` where that leads.

    `retire` names the revisions whose Deployment is empty and may go, `serving`
    those that get traffic, `active` the one that the Service is narrowed to, if it is,
    and `preview` the one behind the preview Service. `again` is the time in
    seconds after which to decide anew.
    """

    phase: Phase
    target: str
    stable: str | None
    sizes: Mapping[str, int] = field(default_factory=dict)
    goal: Mapping[str, int] = field(default_factory=dict)
    retire: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    active: str | None = None
    preview: str | None = None
    progress: RolloutStatus | None = None
    again: float | None = None


def decide(snapshot: Snapshot) -> Decision:
    """Keeps nothing: the same snapshot gives the same decision."""
    if snapshot.suspended:
        return _suspended(snapshot)
    if snapshot.stable is None:
        return _first(snapshot)
    if snapshot.target == snapshot.stable:
        return _settled(snapshot)
    if _waits_for_migration(snapshot):
        progress = course.stop_clock(snapshot.progress)
        return _acts(snapshot, Phase.MIGRATING, _at_rest(snapshot), progress)
    return _rollout(snapshot)


def serves(snapshot: Snapshot, name: str) -> bool:
    """All n pods of a revision are available and the Service sends traffic to as many."""
    found, replicas = snapshot.revision(name), snapshot.replicas
    return found.observed and found.wanted == replicas and serving(found) >= replicas


def _suspended(snapshot: Snapshot) -> Decision:
    """What is there stays there; no request is answered and no rollout goes on."""
    sizes = {name: found.wanted for name, found in snapshot.revisions.items()}
    answering = tuple(name for name, found in snapshot.revisions.items() if found.endpoints)
    return Decision(
        phase=Phase.SUSPENDED,
        target=snapshot.target,
        stable=snapshot.stable,
        sizes=sizes,
        goal=sizes,
        serving=answering or tuple(name for name, size in sizes.items() if size),
        progress=course.stop_clock(snapshot.progress),
    )


def _first(snapshot: Snapshot) -> Decision:
    """Nothing has passed yet, so there is nothing to go back to."""
    target, replicas = snapshot.target, snapshot.replicas
    if not snapshot.migration.lets_pods_start and snapshot.revision(target).wanted == 0:
        goal = {target: 0} if target in snapshot.revisions else {}
        return _acts(snapshot, Phase.MIGRATING, Plan(goal, Limits(0, 0), 0, reached=False), None)
    allowed = Limits(max(ratio_limits(snapshot).surge, 1), 0)
    wanted = Plan({target: replicas}, allowed, FULL, serves(snapshot, target), _pinned(snapshot))
    return _acts(snapshot, Phase.HEALTHY if wanted.reached else Phase.PROGRESSING, wanted, None)


def _settled(snapshot: Snapshot) -> Decision:
    """The spec asks for what is stable; a rollout to anything else is over."""
    progress = snapshot.progress
    if progress and progress.revision != snapshot.target and _goes_on(progress):
        progress = course.enter(progress, "Superseded", snapshot.now)
    if progress:
        progress = answer(progress, snapshot)
    wanted = _at_rest(snapshot)
    warm = len(wanted.goal) > 1 and progress is not None
    again = _until(snapshot, progress.scale_down_at if warm and progress else None)
    return _acts(snapshot, Phase.HEALTHY, wanted, progress, again=again)


def _at_rest(snapshot: Snapshot) -> Plan:
    """Stable has n pods; after a BlueGreen the one before is kept warm for a while."""
    stable, n = str(snapshot.stable), snapshot.replicas
    reached = serves(snapshot, stable)
    if warm := _kept_warm(snapshot):
        return Plan({stable: n, warm: n}, Limits(n, 0), FULL, reached, _pinned(snapshot))
    return Plan({stable: n}, ratio_limits(snapshot), FULL, reached, _pinned(snapshot))


def _kept_warm(snapshot: Snapshot) -> str | None:
    progress = snapshot.progress
    if progress is None or progress.revision != snapshot.stable or progress.scale_down_at is None:
        return None
    known = progress.previous in snapshot.revisions
    return progress.previous if known and snapshot.now < progress.scale_down_at else None


def _pinned(snapshot: Snapshot) -> str | None:
    """The Service stays narrowed as long as pods are there that shall get no traffic."""
    stable = snapshot.stable or snapshot.target
    if snapshot.rollout.strategy == "BlueGreen":
        return stable
    progress = snapshot.progress
    others = any(existing(found) for name, found in snapshot.revisions.items() if name != stable)
    return stable if others and progress and progress.strategy == "BlueGreen" else None


def _waits_for_migration(snapshot: Snapshot) -> bool:
    """A revision whose pods have started has had its migration; a new tenant holds none back."""
    progress = snapshot.progress
    taken_back = progress is not None and (progress.revision, progress.phase) == (
        snapshot.target,
        "Aborted",
    )
    return (
        not snapshot.migration.lets_pods_start
        and snapshot.revision(snapshot.target).wanted == 0
        and not taken_back
    )


def _goes_on(progress: RolloutStatus) -> bool:
    return course.is_in_flight(progress) or progress.phase == "Aborted"


def _rollout(snapshot: Snapshot) -> Decision:
    progress = snapshot.progress
    if progress is None or progress.revision != snapshot.target or not _goes_on(progress):
        progress = course.begin(snapshot)
    progress = answer(progress, snapshot)
    if course.is_in_flight(progress):
        progress = course.follow_spec(progress, snapshot)
    for _ in range(_MOST_TURNS):
        if progress.phase == "Aborted":
            return _acts(snapshot, Phase.ABORTED, _at_rest(snapshot), progress)
        if progress.phase == "Completed":
            return _promoted(snapshot, progress)
        following = _turn(snapshot, progress, plan(snapshot, progress))
        if following == progress:
            break
        progress = following
    return _under_way(snapshot, progress)


def _turn(snapshot: Snapshot, progress: RolloutStatus, wanted: Plan) -> RolloutStatus:
    """The rollout after the one change that is due now, or as it was."""
    now = snapshot.now
    if snapshot.failure:
        return course.abort(progress, snapshot.failure, now)
    if snapshot.rollout.paused and progress.phase == "Progressing":
        held = course.enter(progress, "Paused", now)
        return held.model_copy(update={"set_weight": actual_weight(snapshot)})
    if is_held(snapshot, progress):
        return progress
    progress = course.observe_pods(progress, _served(snapshot), now, reached=wanted.reached)
    if not wanted.reached and _until(snapshot, _deadline(snapshot, progress)) <= 0:
        return course.abort(progress, _too_late(snapshot, progress), now)
    if progress.phase == "Paused":
        return _after_pause(snapshot, progress)
    return _onward(snapshot, progress) if wanted.reached else progress


def _after_pause(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    if _pause(snapshot, progress) is None:  # it was held between two pauses
        return course.enter(progress, "Progressing", snapshot.now)
    over = _until(snapshot, _pause_end(snapshot, progress)) <= 0
    return course.next_step(progress, snapshot.now) if over else progress


def _onward(snapshot: Snapshot, progress: RolloutStatus) -> RolloutStatus:
    """Its goal is reached: the next step, the bake, the end."""
    now = snapshot.now
    if progress.phase == "Baking":
        baked = _until(snapshot, _bake_end(snapshot, progress)) <= 0
        over = baked and not snapshot.rollout.paused
        return course.enter(progress, "Completed", now) if over else progress
    if progress.phase == "Switching":
        return course.enter(progress, "Baking", now)
    if _pause(snapshot, progress) is not None:
        return course.enter(progress, "Paused", now)
    if progress.current_step_index < progress.steps:
        return course.next_step(progress, now)
    switches = progress.strategy == "BlueGreen"
    return course.enter(progress, "Switching" if switches else "Baking", now)


def _promoted(snapshot: Snapshot, progress: RolloutStatus) -> Decision:
    if progress.strategy == "BlueGreen":
        delay = timedelta(seconds=steps.blue_green(snapshot.rollout).scale_down_delay_seconds)
        until = course.stamp(snapshot.now) + delay
        progress = progress.model_copy(update={"scale_down_at": until})
    progress = progress.model_copy(update={"set_weight": FULL, "actual_weight": FULL})
    return _settled(replace(snapshot, stable=snapshot.target, progress=progress))


def _under_way(snapshot: Snapshot, progress: RolloutStatus) -> Decision:
    wanted = plan(snapshot, progress)
    weights = {"set_weight": wanted.weight, "actual_weight": actual_weight(snapshot)}
    phases = {"Paused": Phase.PAUSED, "Baking": Phase.BAKING}
    phase = phases.get(progress.phase, Phase.PROGRESSING)
    times = [_deadline(snapshot, progress)]
    if progress.phase == "Paused":
        times.append(_pause_end(snapshot, progress))
    if progress.phase == "Baking":
        times.append(_bake_end(snapshot, progress))
    again = inf if snapshot.rollout.paused else min(_until(snapshot, time) for time in times)
    return _acts(snapshot, phase, wanted, progress.model_copy(update=weights), again=again)


def _served(snapshot: Snapshot) -> int:
    """Pods of the target that would answer, by whichever Service."""
    found = snapshot.revision(snapshot.target)
    return max(serving(found), min(found.wanted, found.available, found.preview))


def actual_weight(snapshot: Snapshot) -> int:
    """The target's share of all endpoints that get traffic, in percent."""
    total = sum(found.endpoints for found in snapshot.revisions.values())
    return round(FULL * snapshot.revision(snapshot.target).endpoints / total) if total else 0


def _too_late(snapshot: Snapshot, progress: RolloutStatus) -> str:
    found = snapshot.revision(snapshot.target)
    return (
        f"No progress within spec.rollout.progressDeadlineSeconds "
        f"({snapshot.rollout.progress_deadline_seconds} s): {found.available} of "
        f"{found.wanted} pods are available in phase {progress.phase}. {snapshot.trouble}"
    ).rstrip()


def _pause(snapshot: Snapshot, progress: RolloutStatus) -> float | None:
    return steps.pause_at(snapshot.rollout, progress.strategy, progress.current_step_index)


def _pause_end(snapshot: Snapshot, progress: RolloutStatus) -> datetime | None:
    pause = _pause(snapshot, progress)
    if pause is None or pause == inf:
        return None
    return progress.since + timedelta(seconds=pause)


def _bake_end(snapshot: Snapshot, progress: RolloutStatus) -> datetime:
    return progress.since + timedelta(seconds=snapshot.rollout.bake_seconds)


def _deadline(snapshot: Snapshot, progress: RolloutStatus) -> datetime | None:
    if progress.lagging_since is None:
        return None
    deadline = timedelta(seconds=snapshot.rollout.progress_deadline_seconds)
    return progress.lagging_since + deadline


def _until(snapshot: Snapshot, moment: datetime | None) -> float:
    """Seconds; infinity where there is no such moment."""
    return (moment - snapshot.now).total_seconds() if moment else inf


def _acts(
    snapshot: Snapshot,
    phase: Phase,
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
    in_flight = phase in (Phase.PROGRESSING, Phase.PAUSED, Phase.BAKING)
    passed = phase is Phase.HEALTHY
    return Decision(
        phase=phase,
        target=snapshot.target,
        stable=snapshot.target if passed else snapshot.stable,
        sizes=keep,
        goal=wanted.goal,
        retire=tuple(sorted(empty)),
        serving=(wanted.active,) if wanted.active else tuple(n for n in keep if keep[n]),
        active=wanted.active,
        preview=wanted.active and (snapshot.target if in_flight else wanted.active),
        progress=progress,
        again=max(0.0, again) if again < inf else None,
    )
