"""What a reconcile found, as the status that people and tools read."""

from collections.abc import Iterator
from datetime import datetime

from cms_operator.api.conditions import Condition, ConditionType, Reason, condition, set_condition
from cms_operator.api.problem import Problem
from cms_operator.api.resource import HeadlessCMS
from cms_operator.api.status import Status
from cms_operator.reporting.condition_state import ConditionState, false, true
from cms_operator.reporting.detail_conditions import (
    available,
    detail_conditions,
    has_failed,
    migration_failure,
)
from cms_operator.reporting.facts import PATIENCE, Facts
from cms_operator.reporting.progressing import pinned, progressing, refused, rolled_back, too_late
from cms_operator.rollout.decision import DecisionPhase

_BEFORE_PODS = (
    ConditionType.SECRETS_READY,
    ConditionType.CHILDREN_OWNED,
    ConditionType.DATABASE_MIGRATED,
)


def build_status(before: Status, hcms: HeadlessCMS, facts: Facts, now: datetime) -> Status:
    serving = [
        state for name, state in facts.snapshot.revisions.items() if name in facts.decision.serving
    ]
    states = list(_states(hcms, facts, _lasting(before, now)))
    return before.model_copy(
        update={
            "observed_generation": hcms.metadata.generation,
            "conditions": _with_times(before.conditions, states, hcms.metadata.generation, now),
            "replicas": sum(state.current for state in serving),
            "ready_replicas": sum(state.ready for state in serving),
            "selector": facts.selector,
            "version": facts.version or before.version,
            "strategy": hcms.spec.rollout.strategy,
            "stable_revision": facts.decision.stable,
            "rollout": facts.decision.progress,
            "pin": facts.pin,
            "restart": facts.restart,
            "updated_revision": facts.pin.from_revision if facts.pin else facts.snapshot.target,
            "revisions": facts.revisions,
            "address": facts.address,
            "migration": facts.migration,
            "jwt_keys": facts.keys,
            "adoption": facts.adoption,
        }
    )


def build_invalid_status(
    before: Status,
    generation: int,
    problem: Problem,
    now: datetime,
    *,
    answering: tuple[int, int] | None = None,
) -> Status:
    """Nothing but the conditions changes: what runs goes on as it is.

    `answering`: how many pods do, of how many that are wanted, where that can be counted.
    """
    states = [
        false(ConditionType.READY, problem.reason, problem.message),
        false(ConditionType.RECONCILING, problem.reason, "Nothing was changed."),
        true(ConditionType.STALLED, problem.reason, problem.message),
    ]
    if answering and any(known.type == ConditionType.AVAILABLE for known in before.conditions):
        states.append(available(*answering))
    return before.model_copy(
        update={
            "observed_generation": generation,
            "conditions": _with_times(before.conditions, states, generation, now),
        }
    )


def _with_times(
    before: tuple[Condition, ...], states: list[ConditionState], generation: int, now: datetime
) -> tuple[Condition, ...]:
    conditions = before
    for kind, status, reason, message in states:
        text = message or reason.help
        new = condition(kind, status, reason, text, generation=generation, now=now)
        conditions = set_condition(conditions, new)
    return conditions


def _lasting(before: Status, now: datetime) -> set[str]:
    """The conditions that have been false for longer than an ordinary apply needs."""
    return {
        condition.type
        for condition in before.conditions
        if condition.status == "False" and now - condition.last_transition_time >= PATIENCE
    }


def _states(hcms: HeadlessCMS, facts: Facts, lasting: set[str]) -> Iterator[ConditionState]:
    details = detail_conditions(hcms, facts)
    stalled = _stalled(facts, lasting)
    yield _ready(facts, details, stalled)
    yield _reconciling(hcms, facts, stalled)
    yield stalled
    yield from details


def _ready(facts: Facts, details: list[ConditionState], stalled: ConditionState) -> ConditionState:
    """Scaling keeps Ready true: what serves goes on serving, and n is on its way."""
    kind = ConditionType.READY
    for found in _against(facts, details, stalled):
        return found._replace(type=kind, status=False)
    return true(kind, Reason.READY, f"Revision {facts.snapshot.target} serves.")


def _against(
    facts: Facts, details: list[ConditionState], stalled: ConditionState
) -> Iterator[ConditionState]:
    """What speaks against Ready, the worst first."""
    missing = {state.type: state for state in details if not state.status}
    without_pods = missing.get(ConditionType.AVAILABLE)
    if without_pods and _relies_on_stable(facts):
        yield without_pods
    if stalled.status:
        yield stalled
    yield from (missing[needed] for needed in _BEFORE_PODS if needed in missing)
    if facts.decision.phase not in (DecisionPhase.HEALTHY, DecisionPhase.BAKING) and not _rests(
        facts
    ):
        yield progressing(facts)
    if facts.pin:
        yield false(ConditionType.READY, Reason.PINNED, pinned(facts, facts.pin))
    if without_pods:
        yield without_pods


def _relies_on_stable(facts: Facts) -> bool:
    """What was released last does not run, and that is no longer the worst where stable fails."""
    back = facts.decision.phase in (DecisionPhase.ABORTED, DecisionPhase.REFUSED)
    return back or facts.pin is not None


def _rests(facts: Facts) -> bool:
    """Suspended with nothing waiting to be released."""
    return facts.suspended and facts.snapshot.target == facts.decision.stable


def _reconciling(hcms: HeadlessCMS, facts: Facts, stalled: ConditionState) -> ConditionState:
    kind = ConditionType.RECONCILING
    if hcms.spec.suspend:
        return false(kind, Reason.SUSPENDED)
    if stalled.status:
        return stalled._replace(type=kind, status=False)
    if problem := facts.secrets_problem or facts.children_problem:
        return true(kind, problem.reason, problem.message)
    if not facts.settled:
        return progressing(facts)._replace(type=kind, status=True)
    return false(kind, Reason.SETTLED)


def _stalled(facts: Facts, lasting: set[str]) -> ConditionState:
    """A Secret or a free name that comes a moment later is no reason for tools to give up."""
    kind = ConditionType.STALLED
    problems = {
        ConditionType.SECRETS_READY: facts.secrets_problem,
        ConditionType.CHILDREN_OWNED: facts.children_problem,
    }
    for about, problem in problems.items():
        if problem and about in lasting:
            return true(kind, problem.reason, problem.message)
    if facts.pin and facts.decision.phase is DecisionPhase.HEALTHY:
        return true(kind, Reason.PINNED, pinned(facts, facts.pin))
    if has_failed(facts.migration) and facts.decision.phase is not DecisionPhase.REFUSED:
        return migration_failure(facts.migration)._replace(type=kind, status=True)
    if end := _end(facts):
        return true(kind, end.reason, end.message)
    return false(kind, Reason.NOT_STALLED)


def _end(facts: Facts) -> Problem | None:
    """How the rollout has ended, where somebody has to do something now."""
    phase = facts.decision.phase
    if phase is DecisionPhase.REFUSED:
        return Problem(Reason.SCHEMA_TOO_NEW, refused(facts))
    if phase is DecisionPhase.ABORTED:
        return rolled_back(facts)
    return Problem(Reason.DEADLINE_EXCEEDED, too_late(facts)) if facts.is_late else None
