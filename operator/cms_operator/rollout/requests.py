"""What people ask of a rollout: done or refused, each once, and the answer kept."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from cms_operator.api.annotations import Verb
from cms_operator.api.status import RequestStatus, RolloutStatus
from cms_operator.observed.schema import can_run, why_not
from cms_operator.observed.snapshot import Request, Snapshot
from cms_operator.rollout.transitions import (
    abort,
    begin,
    enter,
    is_in_flight,
    next_step,
    pause,
    resume,
    skip_steps,
    with_answer,
)

Answer = tuple[RolloutStatus, str]
_LONGEST_OUTCOME = 256


def unanswered(requests: Iterable[Request], progress: RolloutStatus | None) -> Iterator[Request]:
    handled = {found.verb: found.value for found in progress.requests} if progress else {}
    for request in requests:
        if handled.get(request.verb) != request.value:
            yield request


def answered(request: Request, outcome: str) -> RequestStatus:
    return RequestStatus(
        verb=request.verb,
        value=request.value,
        by=request.by,
        outcome=outcome[:_LONGEST_OUTCOME],
    )


def answer(progress: RolloutStatus, snapshot: Snapshot) -> RolloutStatus:
    """The rollout after all requests that were not answered before."""
    progress = keep_answers(progress, snapshot)
    for request in unanswered(snapshot.requests, progress):
        if request.verb in _ANSWERS:
            changed, outcome = _answer(progress, request, snapshot)
            progress = with_answer(changed, answered(request, outcome))
    return progress


def keep_answers(progress: RolloutStatus, snapshot: Snapshot) -> RolloutStatus:
    """Keep the answers that were given when the wanted revision was found."""
    for given in snapshot.answers:
        progress = with_answer(progress, given)
    return progress


def _answer(progress: RolloutStatus, request: Request, snapshot: Snapshot) -> Answer:
    """A request that comes late does nothing to a revision that it was not about."""
    if request.revision != progress.revision:
        return progress, f"refused: the rollout is of revision {progress.revision}"
    if request.verb != "retry" and not is_in_flight(progress):
        return progress, f"refused: the rollout is {progress.phase}"
    return _ANSWERS[request.verb](progress, request, snapshot)


def _held(progress: RolloutStatus, snapshot: Snapshot) -> str:
    if snapshot.rollout.paused:
        return "refused: spec.rollout.paused is true"
    if progress.held_by is not None:
        return f"refused: it was paused by {progress.held_by}; resume it first"
    return ""


def _promote(progress: RolloutStatus, _: Request, snapshot: Snapshot) -> Answer:
    if held := _held(progress, snapshot):
        return progress, held
    if progress.phase == "Baking":
        return enter(progress, "Completed", snapshot.now), "promoted before the end of its bake"
    if progress.phase not in ("Paused", "Analyzing"):
        return progress, f"refused: it is {progress.phase}, there is no pause to end"
    done = f"promoted past step {progress.current_step_index + 1}"
    return next_step(progress, snapshot.now), done


def _promote_full(progress: RolloutStatus, request: Request, snapshot: Snapshot) -> Answer:
    if held := _held(progress, snapshot):
        return progress, held
    if progress.phase in ("Progressing", "Paused", "Analyzing"):
        return skip_steps(progress, snapshot.now), "promoted past all steps"
    return _promote(progress, request, snapshot)


def _pause(progress: RolloutStatus, request: Request, _: Snapshot) -> Answer:
    if progress.held_by is not None:
        return progress, f"refused: it was paused by {progress.held_by} already"
    return pause(progress, request.by), "paused until it is resumed"


def _resume(progress: RolloutStatus, _: Request, snapshot: Snapshot) -> Answer:
    if progress.held_by is None:
        spec = snapshot.rollout.paused
        why = (
            "spec.rollout.paused holds it" if spec else "nobody has paused it; promote ends a step"
        )
        return progress, f"refused: {why}"
    return resume(progress), "resumed"


def _abort(progress: RolloutStatus, request: Request, snapshot: Snapshot) -> Answer:
    why = f"Aborted on request ({request.by})."
    return abort(progress, why, snapshot.now), "aborted"


def _retry(progress: RolloutStatus, _: Request, snapshot: Snapshot) -> Answer:
    if progress.phase != "Aborted":
        return progress, "refused: only an aborted rollout can be tried again"
    if not can_run(snapshot.schemas, progress.revision):
        return progress, f"refused: {why_not(snapshot.schemas, progress.revision)}"
    return begin(replace(snapshot, progress=progress)), "begun anew"


_ANSWERS: dict[Verb, Callable[[RolloutStatus, Request, Snapshot], Answer]] = {
    "promote": _promote,
    "promote-full": _promote_full,
    "pause": _pause,
    "resume": _resume,
    "abort": _abort,
    "retry": _retry,
}
