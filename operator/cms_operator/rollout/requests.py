"""What people ask of a rollout: done or refused, each once, and the answer kept."""

from collections.abc import Callable

from cms_operator.api.status import RequestStatus, RolloutStatus, Verb
from cms_operator.rollout.progress import abort, begin, enter, is_in_flight, next_step, skip_steps
from cms_operator.rollout.snapshot import Request, Snapshot

Answer = tuple[RolloutStatus, str]


def answer(progress: RolloutStatus, snapshot: Snapshot) -> RolloutStatus:
    """The rollout after all requests that were not answered before."""
    for request in snapshot.requests:
        handled = {found.verb: found.value for found in progress.requests}
        if handled.get(request.verb) != request.value:
            changed, outcome = _answer(progress, request, snapshot)
            progress = _with_answer(changed, request, outcome)
    return progress


def _with_answer(progress: RolloutStatus, request: Request, outcome: str) -> RolloutStatus:
    answered = RequestStatus(verb=request.verb, value=request.value, outcome=outcome)
    others = tuple(found for found in progress.requests if found.verb != request.verb)
    return progress.model_copy(update={"requests": (*others, answered)})


def _answer(progress: RolloutStatus, request: Request, snapshot: Snapshot) -> Answer:
    """A request that comes late does nothing to a revision that it was not about."""
    if request.revision != progress.revision:
        return progress, f"refused: the rollout is of revision {progress.revision}"
    if request.verb != "retry" and not is_in_flight(progress):
        return progress, f"refused: the rollout is {progress.phase}"
    return _ANSWERS[request.verb](progress, snapshot)


def _promote(progress: RolloutStatus, snapshot: Snapshot) -> Answer:
    if snapshot.rollout.paused:
        return progress, "refused: spec.rollout.paused is true"
    if progress.phase == "Baking":
        return enter(progress, "Completed", snapshot.now), "promoted before the end of its bake"
    if progress.phase != "Paused":
        return progress, f"refused: it is {progress.phase}, there is no pause to end"
    done = f"promoted past step {progress.current_step_index + 1}"
    return next_step(progress, snapshot.now), done


def _promote_full(progress: RolloutStatus, snapshot: Snapshot) -> Answer:
    if progress.phase in ("Progressing", "Paused"):
        return skip_steps(progress, snapshot.now), "promoted past all steps"
    return _promote(progress, snapshot)


def _abort(progress: RolloutStatus, snapshot: Snapshot) -> Answer:
    return abort(progress, "Aborted on request.", snapshot.now), "aborted"


def _retry(progress: RolloutStatus, snapshot: Snapshot) -> Answer:
    if progress.phase != "Aborted":
        return progress, "refused: only an aborted rollout can be tried again"
    return begin(snapshot), "begun anew"


_ANSWERS: dict[Verb, Callable[[RolloutStatus, Snapshot], Answer]] = {
    "promote": _promote,
    "promote-full": _promote_full,
    "abort": _abort,
    "retry": _retry,
}
