"""Where a rollout stands, and how it goes on: every change of the RolloutStatus is made here."""

from datetime import datetime, timedelta

from cms_operator.api.status import RolloutPhase, RolloutStatus
from cms_operator.rollout import steps
from cms_operator.rollout.snapshot import Snapshot

IN_FLIGHT: tuple[RolloutPhase, ...] = ("Progressing", "Paused", "Switching", "Baking")


def is_in_flight(progress: RolloutStatus | None) -> bool:
    return progress is not None and progress.phase in IN_FLIGHT


def stamp(now: datetime) -> datetime:
    """A moment as the status keeps it: rounded up, so that no pause is shorter than asked."""
    return (now + timedelta(microseconds=999_999)).replace(microsecond=0)


def begin(snapshot: Snapshot) -> RolloutStatus:
    """The first moment of a rollout; back to the one that was stable before, without a pause."""
    strategy = snapshot.rollout.strategy
    count = steps.count(snapshot.rollout, strategy)
    now = stamp(snapshot.now)
    return RolloutStatus(
        revision=snapshot.target,
        previous=snapshot.stable,
        strategy=strategy,
        phase="Progressing",
        current_step_index=count if _is_way_back(snapshot) else 0,
        steps=count,
        steps_hash=steps.hash_of(snapshot.rollout, strategy),
        started_at=now,
        since=now,
        requests=snapshot.progress.requests if snapshot.progress else (),
    )


def _is_way_back(snapshot: Snapshot) -> bool:
    last = snapshot.progress
    return (
        last is not None
        and last.phase == "Completed"
        and last.revision == snapshot.stable
        and last.previous == snapshot.target
    )


def follow_spec(progress: RolloutStatus, snapshot: Snapshot) -> RolloutStatus:
    """Other steps than those it began with: from the first one anew."""
    if steps.hash_of(snapshot.rollout, progress.strategy) == progress.steps_hash:
        return progress
    anew = begin(snapshot)
    return anew.model_copy(
        update={
            "strategy": progress.strategy,
            "steps": steps.count(snapshot.rollout, progress.strategy),
            "steps_hash": steps.hash_of(snapshot.rollout, progress.strategy),
            "started_at": progress.started_at,
        }
    )


def enter(progress: RolloutStatus, phase: RolloutPhase, now: datetime) -> RolloutStatus:
    return progress.model_copy(
        update={"phase": phase, "since": stamp(now), "lagging_since": None, "serving": 0}
    )


def next_step(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    done = min(progress.current_step_index + 1, progress.steps)
    return enter(progress, "Progressing", now).model_copy(update={"current_step_index": done})


def skip_steps(progress: RolloutStatus, now: datetime) -> RolloutStatus:
    return enter(progress, "Progressing", now).model_copy(
        update={"current_step_index": progress.steps}
    )


def abort(progress: RolloutStatus, why: str, now: datetime) -> RolloutStatus:
    return enter(progress, "Aborted", now).model_copy(update={"message": why, "set_weight": 0})


def stop_clock(progress: RolloutStatus | None) -> RolloutStatus | None:
    """While nobody may bring it nearer to its goal, the time counts against nobody."""
    return progress and progress.model_copy(update={"lagging_since": None})


def observe_pods(
    progress: RolloutStatus, serving: int, now: datetime, *, reached: bool
) -> RolloutStatus:
    """Keep the time since which the candidate has come no nearer to its goal."""
    if reached:
        lagging = None
    elif progress.lagging_since is None or serving > progress.serving:
        lagging = stamp(now)
    else:
        return progress
    return progress.model_copy(update={"lagging_since": lagging, "serving": serving})
