"""The condition Progressing: how far the wanted revision has come."""

from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.resource import GROUP
from cms_operator.api.status import RolloutStatus
from cms_operator.rollout.decide import Phase
from cms_operator.rollout.facts import Facts, Verdict
from cms_operator.rollout.problems import Problem

PROMOTE = f"{GROUP}/promote"
_UNDER_WAY = {
    Phase.HEALTHY: Reason.SCALING,
    Phase.PROGRESSING: Reason.ROLLING_OUT,
    Phase.PAUSED: Reason.PAUSED,
    Phase.BAKING: Reason.BAKING,
}


def progressing(facts: Facts) -> Verdict:
    kind, phase = ConditionType.PROGRESSING, facts.decision.phase
    if facts.settled:
        return kind, True, Reason.ROLLED_OUT, f"All pods are of revision {facts.snapshot.target}."
    if facts.suspended:
        return kind, None, Reason.SUSPENDED, suspended(facts)
    if problem := _trouble(facts):
        return kind, False, problem.reason, problem.message
    if phase is Phase.MIGRATING:
        return kind, True, Reason.MIGRATING, "The pods wait for the migration Job."
    return kind, True, _UNDER_WAY[phase], _figures(facts)


def _trouble(facts: Facts) -> Problem | None:
    if facts.decision.phase is Phase.MIGRATING:
        return facts.migration_pod
    if facts.decision.phase is Phase.ABORTED:
        return Problem(Reason.ROLLED_BACK, rolled_back(facts))
    if facts.is_late:
        return Problem(Reason.DEADLINE_EXCEEDED, too_late(facts))
    return facts.pods


def suspended(facts: Facts) -> str:
    return f"spec.suspend is true: nothing is changed. {_figures(facts)}"


def rolled_back(facts: Facts) -> str:
    why = facts.decision.progress and facts.decision.progress.message
    stable = facts.decision.stable
    return f"Revision {facts.snapshot.target} was taken back, {stable} serves. {why or ''}".strip()


def too_late(facts: Facts) -> str:
    cause = facts.pods.message if facts.pods else _figures(facts)
    return f"No progress within spec.rollout.progressDeadlineSeconds. {cause}"


def _figures(facts: Facts) -> str:
    snapshot, target = facts.snapshot, facts.target
    figures = (
        f"Revision {snapshot.target}: {target.available} of {snapshot.replicas} pods are "
        f"available, {target.endpoints} get traffic."
    )
    progress = facts.decision.progress
    if progress is None or facts.decision.phase in (Phase.HEALTHY, Phase.SUSPENDED):
        return figures
    return f"{figures} {_step(facts, progress)}"


def _step(facts: Facts, progress: RolloutStatus) -> str:
    weight = (
        f"{progress.strategy}, weight {progress.set_weight} % (set: {progress.actual_weight} %)"
    )
    if facts.decision.phase is not Phase.PAUSED:
        return f"{weight}."
    step = f"paused at step {min(progress.current_step_index + 1, progress.steps)}"
    return f"{weight}, {step} of {progress.steps}: promote with {PROMOTE}={progress.revision}."
