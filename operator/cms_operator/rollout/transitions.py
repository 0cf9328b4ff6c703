"""Where a rollout stands, and how it goes on: every change of the RolloutStatus is made here."""

from dataclasses import replace
from datetime import datetime, timedelta

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.status import RequestStatus, RolloutPhase, RolloutStatus
from cms_operator.observed.snapshot import FULL, Snapshot
from cms_operator.rollout import steps
from cms_operator.rollout.analysis.conclusion import Held

IN_FLIGHT: tuple[RolloutPhase, ...] = (
    "Progressing",
    "Paused",
    "Analyzing",
    "Switching",
    "Baking",
)
# Fewer requests than this say nothing of a share.
_FEWEST = 20


def is_in_flight(progress: RolloutStatus | None) -> bool:
    return progress is not None and progress.phase in IN_FLIGHT


def stamp(now: datetime) -> datetime:
    """A moment as the status keeps it: rounded up, so that no pause is shorter than asked."""
    return (now + timedelta(microseconds=999_999)).replace(microsecond=0)


def begin(snapshot: Snapshot) -> RolloutStatus:
    """The first moment of a rollout; one back to a lately stable revision skips all steps."""
    strategy = snapshot.rollout.strategy
    count = steps.count(snapshot.rollout, strategy)
    now = stamp(snapshot.now)
    return RolloutStatus(
        revision=snapshot.target,
        previous=snapshot.stable,
        strategy=strategy,
        phase="Progressing",
        current_step_index=count if _is_way_back(snapshot) else 0,
        rollback=snapshot.pin is not None,
        steps=count,
        steps_hash=steps.hash_of(snapshot.rollout, strategy),
        started_at=now,
        since=now,
        requests=snapshot.progress.requests if snapshot.progress else (),
    )


def first_completed(snapshot: Snapshot) -> RolloutStatus:
    """The completed rollout of a first revision, which replaced none; it keeps answers."""
    first = replace(snapshot, target=snapshot.stable or snapshot.target, pin=None)
    done = begin(first).model_copy(update={"phase": "Completed"})
    return done.model_copy(update={"previous": None, "current_step_index": done.steps})


def _is_way_back(snapshot: Snapshot) -> bool:
    last = snapshot.progress
    if snapshot.pin is None and last and last.rollback and last.previous == snapshot.target:
        return False  # somebody has rolled it back
    window = snapshot.rollout.rollback_window.revisions
    return snapshot.target in snapshot.formerly[:window]


def follow_spec(progress: RolloutStatus, snapshot: Snapshot) -> RolloutStatus:
    """Begin at the first step anew where the spec has other steps than the rollout began with."""
    if steps.hash_of(snapshot.rollout, progress.strategy) == progress.steps_hash:
        return progress
    anew = begin(replace(snapshot, progress=progress))
    return anew.model_copy(
        update={
            "strategy": progress.strategy,
            "steps": steps.count(snapshot.rollout, progress.strategy),
            "steps_hash": steps.hash_of(snapshot.rollout, progress.strategy),
            "started_at": progress.started_at,
            "held_by": progress.held_by,
        }
    )


def is_told_to_wait(snapshot: Snapshot, progress: RolloutStatus) -> bool:
    """The spec holds the rollout, or somebody who asked."""
    return snapshot.rollout.paused or progress.held_by is not None


def enter(progress: RolloutStatus, phase: RolloutPhase, now: datetime) -> RolloutStatus:
    """Enter a phase with new clocks; the last observed weight does not outlive the rollout."""
    over = {"observed_weight": None} if phase in ("Completed", "Aborted") else {}
    clocks = {"since": stamp(now), "stopped_since": None, "lagging_since": None}
    anew = {"phase": phase, **clocks, "serving": 0, "awaited": 0, **over}
    return progress.model_copy(update=anew)


def hold_at_weight(progress: RolloutStatus, weight: int, now: datetime) -> RolloutStatus:
    """Somebody holds it between two steps: the traffic stays divided as it is."""
    held = enter(progress, "Paused", now)
    return held.model_copy(update={"set_weight": weight, "stopped_since": held.since})


def enter_judged(progress: RolloutStatus, phase: RolloutPhase, now: datetime) -> RolloutStatus:
    """Enter a phase that a verdict ends: what was measured before it does not count for that."""
    known = progress.analysis or AnalysisStatus(since=stamp(now))
    anew = {"since": stamp(now), "measurements": 0, "samples": 0, "held": None}
    analysis = known.model_copy(update=anew)
    return enter(progress, phase, now).model_copy(update={"analysis": analysis})


def hold(progress: RolloutStatus, why: Held, message: str) -> RolloutStatus:
    """Wait for a person, who has to decide."""
    if progress.analysis is None or progress.analysis.held == why:
        return progress
    analysis = progress.analysis.model_copy(update={"held": why, "message": message})
    return progress.model_copy(update={"analysis": analysis})


def next_step(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    done = min(progress.current_step_index + 1, progress.steps)
    return enter(progress, "Progressing", now).model_copy(update={"current_step_index": done})


def skip_steps(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    return enter(progress, "Progressing", now).model_copy(
        update={"current_step_index": progress.steps}
    )


def abort(progress: RolloutStatus, why: str, now: datetime) -> RolloutStatus:
    return enter(progress, "Aborted", now).model_copy(
        update={"message": why, "set_weight": 0, "held_by": None}
    )


def pause(progress: RolloutStatus, by: str) -> RolloutStatus:
    return progress.model_copy(update={"held_by": by})


def resume(progress: RolloutStatus) -> RolloutStatus:
    return progress.model_copy(update={"held_by": None})


def with_answer(progress: RolloutStatus, given: RequestStatus) -> RolloutStatus:
    """Only the last answer to each verb is kept."""
    others = tuple(found for found in progress.requests if found.verb != given.verb)
    return progress.model_copy(update={"requests": (*others, given)})


def with_weights(progress: RolloutStatus, wanted: int, actual: int) -> RolloutStatus:
    return progress.model_copy(update={"set_weight": wanted, "actual_weight": actual})


def keep_warm(progress: RolloutStatus, delay: timedelta, now: datetime) -> RolloutStatus:
    """The revision before keeps its pods for `delay`, so that a way back is short."""
    return progress.model_copy(update={"scale_down_at": stamp(now) + delay})


def stop_clocks(progress: RolloutStatus | None, now: datetime) -> RolloutStatus | None:
    """While nobody may act on the rollout, no time counts, neither for it nor against it."""
    if progress is None or not is_in_flight(progress):
        return progress
    stopped = progress.stopped_since or stamp(now)
    return progress.model_copy(update={"lagging_since": None, "stopped_since": stopped})


def start_clocks(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    """Let time count again: what was left of a pause, a bake or an analysis is left now."""
    if progress.stopped_since is None:
        return progress
    stood = stamp(now) - progress.stopped_since
    anew: dict[str, object] = {"since": progress.since + stood, "stopped_since": None}
    if found := progress.analysis:
        anew["analysis"] = found.model_copy(update={"since": found.since + stood})
    return progress.model_copy(update=anew)


def measured(progress: RolloutStatus, found: AnalysisStatus) -> RolloutStatus:
    """The rollout with what the pods have counted, and the share of the traffic that this shows."""
    last = found.intervals[-1:]
    weight = observed_weight(last[0].candidate.requests, last[0].stable.requests) if last else None
    return progress.model_copy(update={"analysis": found, "observed_weight": weight})


def observed_weight(candidate: float, stable: float) -> int | None:
    """The candidate's percentage of the requests that both have answered in the same time."""
    total = candidate + stable
    return round(FULL * candidate / total) if total >= _FEWEST else None


def observe_pods(
    progress: RolloutStatus, serving: int, awaited: int, now: datetime, *, reached: bool
) -> RolloutStatus:
    """Track since when neither the candidate's pods nor the stable pods it waits for have made
    progress; None once the goal is reached.
    """
    nearer = serving > progress.serving or awaited > progress.awaited
    if not reached and progress.lagging_since is not None and not nearer:
        return progress
    lagging = None if reached else stamp(now)
    return progress.model_copy(
        update={"lagging_since": lagging, "serving": serving, "awaited": awaited}
    )


def lag_anew(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    """Count the time without progress from now on."""
    return progress.model_copy(update={"lagging_since": stamp(now)})
