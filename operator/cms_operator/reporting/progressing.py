"""The condition Progressing: how far the wanted revision has come."""

from cms_operator.api.annotations import MIGRATE, of_verb
from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.problem import Problem
from cms_operator.api.status import PinStatus, RolloutStatus
from cms_operator.api.timestamps import to_text
from cms_operator.observed.schema import why_not
from cms_operator.reporting.condition_state import ConditionState, false, true, unknown
from cms_operator.reporting.facts import Facts
from cms_operator.rollout.decision import DecisionPhase
from cms_operator.rollout.routing import waits_for_gateway
from cms_operator.rollout.transitions import is_in_flight

PROMOTE = of_verb("promote")
RESUME = of_verb("resume")
RETRY = of_verb("retry")
ROLLBACK = of_verb("rollback")
_UNDER_WAY = {
    DecisionPhase.HEALTHY: Reason.SCALING,
    DecisionPhase.PROGRESSING: Reason.ROLLING_OUT,
    DecisionPhase.PAUSED: Reason.PAUSED,
    DecisionPhase.ANALYZING: Reason.ANALYZING,
    DecisionPhase.BAKING: Reason.BAKING,
}


def progressing(facts: Facts) -> ConditionState:
    kind, phase = ConditionType.PROGRESSING, facts.decision.phase
    if facts.pin and phase is DecisionPhase.HEALTHY:
        return false(kind, Reason.PINNED, pinned(facts, facts.pin))
    if facts.settled:
        return true(kind, Reason.ROLLED_OUT, f"All pods are of revision {facts.snapshot.target}.")
    if facts.suspended:
        return unknown(kind, Reason.SUSPENDED, suspended(facts))
    if problem := _trouble(facts):
        return false(kind, problem.reason, problem.message)
    return true(kind, *_under_way(facts))


def _under_way(facts: Facts) -> tuple[Reason, str]:
    if facts.decision.phase is DecisionPhase.MIGRATING:
        return Reason.MIGRATING, "The pods wait for the migration Job."
    if waiting := _undecided(facts):
        return Reason.ANALYSIS_UNDECIDED, waiting
    return _UNDER_WAY[facts.decision.phase], _figures(facts)


def _undecided(facts: Facts) -> str:
    progress = facts.decision.progress
    if progress is None or not is_in_flight(progress):
        return ""
    if progress.analysis is None or progress.analysis.held is None:
        return ""
    ask = f"Promote it with {PROMOTE}={progress.revision}, or abort it."
    return f"{progress.analysis.held}: {progress.analysis.message} {ask}"


def _trouble(facts: Facts) -> Problem | None:
    if facts.decision.phase is DecisionPhase.MIGRATING:
        return facts.migration_problem
    if facts.decision.phase is DecisionPhase.REFUSED:
        return Problem(Reason.SCHEMA_TOO_NEW, refused(facts))
    if facts.decision.phase is DecisionPhase.ABORTED:
        return rolled_back(facts)
    if facts.is_late:
        return Problem(Reason.DEADLINE_EXCEEDED, too_late(facts))
    return facts.snapshot.problem


def suspended(facts: Facts) -> str:
    return f"spec.suspend is true: nothing is changed. {_figures(facts)}"


def rolled_back(facts: Facts) -> Problem:
    progress, pin = facts.decision.progress, facts.pin
    why = progress and progress.message
    stable = _serves(facts, facts.decision.stable)
    told = f"Revision {facts.snapshot.target} was taken back, {stable}. {why or ''}".strip()
    gateway = waits_for_gateway(facts.snapshot, progress.strategy) if progress else ""
    if gateway and gateway not in told:
        told = f"{told} {gateway}"
    if pin is not None:
        told += f" It was a rollback by {pin.by}: {RETRY}={pin.from_revision} ends it."
    judged = progress and progress.analysis and progress.analysis.verdict == "Failed"
    return Problem(Reason.ANALYSIS_FAILED if judged else Reason.ROLLED_BACK, told)


def pinned(facts: Facts, pin: PinStatus) -> str:
    return (
        f"Revision {_serves(facts, pin.to_revision)}: {pin.by} has rolled {pin.from_revision} back "
        f"({ROLLBACK}, {to_text(pin.since)}). Apply another spec, "
        f"or go on with {RETRY}={pin.from_revision}."
    )


def _serves(facts: Facts, revision: str | None) -> str:
    snapshot = facts.snapshot
    if snapshot.replicas and revision and not snapshot.revision(revision).endpoints:
        return f"{revision} is to serve and no pod of it answers"
    return f"{revision} serves"


def refused(facts: Facts) -> str:
    snapshot = facts.snapshot
    return (
        f"Revision {snapshot.target} was not started, {_serves(facts, snapshot.stable)}:"
        f" {why_not(snapshot.schemas, snapshot.target)}. Apply an image made for schema"
        f" {snapshot.schemas.oldest_readable} or newer, or restore the database and annotate with"
        f" {MIGRATE}."
    )


def too_late(facts: Facts) -> str:
    problem = facts.snapshot.problem
    cause = problem.message if problem else _figures(facts)
    return f"No progress within spec.rollout.progressDeadlineSeconds. {cause}"


def _figures(facts: Facts) -> str:
    snapshot, target = facts.snapshot, facts.target
    figures = (
        f"Revision {snapshot.target}: {target.available} of {snapshot.replicas} pods are "
        f"available, {target.endpoints} get traffic."
    )
    progress = facts.decision.progress
    if progress is None or facts.decision.phase in (DecisionPhase.HEALTHY, DecisionPhase.SUSPENDED):
        return figures
    gateway = waits_for_gateway(snapshot, progress.strategy)
    return f"{figures} {_step(facts, progress)} {gateway}".strip()


def _step(facts: Facts, progress: RolloutStatus) -> str:
    weight = (
        f"{progress.strategy}, weight {progress.set_weight} % (set: {progress.actual_weight} %)"
    )
    if facts.decision.phase not in (
        DecisionPhase.PAUSED,
        DecisionPhase.ANALYZING,
        DecisionPhase.BAKING,
    ):
        return f"{weight}."
    if facts.snapshot.rollout.paused:
        return f"{weight}, held by spec.rollout.paused."
    if progress.held_by is not None:
        return f"{weight}, paused by {progress.held_by}: resume with {RESUME}={progress.revision}."
    if facts.decision.phase is DecisionPhase.BAKING:
        return f"{weight}."
    word = "paused" if facts.decision.phase is DecisionPhase.PAUSED else "measured"
    step = f"{word} at step {min(progress.current_step_index + 1, progress.steps)}"
    return f"{weight}, {step} of {progress.steps}: promote with {PROMOTE}={progress.revision}."
