"""From what a reconcile found to the status that people and tools read."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from cms_operator.api.conditions import Condition, ConditionType, Reason, condition, set_condition
from cms_operator.api.resource import HeadlessCMS
from cms_operator.api.status import ContractStatus, MigrationStatus, Refusal, Status
from cms_operator.rollout.decide import Phase
from cms_operator.rollout.facts import Facts, Verdict
from cms_operator.rollout.problems import Problem
from cms_operator.rollout.progressing import pinned, progressing, refused, rolled_back, too_late

# So long a problem counts as under way, before it counts as stalled.
PATIENCE = timedelta(seconds=30)
_REFUSALS: Mapping[Refusal, Reason] = {
    "SchemaTooNew": Reason.SCHEMA_TOO_NEW,
    "DatabaseOwned": Reason.DATABASE_OWNED,
    "ReleaseSkipped": Reason.RELEASE_SKIPPED,
}
_BEFORE_PODS = (
    ConditionType.SECRETS_READY,
    ConditionType.CHILDREN_OWNED,
    ConditionType.DATABASE_MIGRATED,
)


def build_status(before: Status, hcms: HeadlessCMS, facts: Facts, now: datetime) -> Status:
    serving = [
        state for name, state in facts.snapshot.revisions.items() if name in facts.decision.serving
    ]
    verdicts = list(_verdicts(hcms, facts, _lasting(before, now)))
    return before.model_copy(
        update={
            "observed_generation": hcms.metadata.generation,
            "conditions": _with_times(before.conditions, verdicts, hcms.metadata.generation, now),
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
        }
    )


def build_invalid_status(
    before: Status, generation: int, problem: Problem, now: datetime
) -> Status:
    """Nothing but the conditions changes: what runs goes on as it is."""
    verdicts: list[Verdict] = [
        (ConditionType.READY, False, problem.reason, problem.message),
        (ConditionType.RECONCILING, False, problem.reason, "Nothing was changed."),
        (ConditionType.STALLED, True, problem.reason, problem.message),
    ]
    return before.model_copy(
        update={
            "observed_generation": generation,
            "conditions": _with_times(before.conditions, verdicts, generation, now),
        }
    )


def _with_times(
    before: tuple[Condition, ...], verdicts: list[Verdict], generation: int, now: datetime
) -> tuple[Condition, ...]:
    conditions = before
    for kind, status, reason, message in verdicts:
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


def _verdicts(hcms: HeadlessCMS, facts: Facts, lasting: set[str]) -> Iterator[Verdict]:
    details = [
        _secrets_ready(facts),
        _children_owned(facts),
        _database_migrated(hcms, facts),
        _schema_contracted(hcms, facts),
        progressing(facts),
        _available(facts),
        _connections_fit(facts),
        _address_assigned(facts),
        _keys_current(facts),
    ]
    stalled = _stalled(facts, lasting)
    yield _ready(facts, details, stalled)
    yield _reconciling(hcms, facts, stalled)
    yield stalled
    yield from details


def _ready(facts: Facts, details: list[Verdict], stalled: Verdict) -> Verdict:
    """Scaling keeps Ready true: what serves goes on serving, and n is on its way."""
    if stalled[1]:
        return ConditionType.READY, False, stalled[2], stalled[3]
    found = {kind: (reason, message) for kind, status, reason, message in details if not status}
    for needed in _BEFORE_PODS:
        if needed in found:
            return ConditionType.READY, False, *found[needed]
    if facts.decision.phase not in (Phase.HEALTHY, Phase.BAKING) and not _rests(facts):
        _, _, reason, message = progressing(facts)
        return ConditionType.READY, False, reason, message
    if facts.pin:
        return ConditionType.READY, False, Reason.PINNED, pinned(facts.pin)
    if ConditionType.AVAILABLE in found:
        return ConditionType.READY, False, *found[ConditionType.AVAILABLE]
    revision = facts.snapshot.target
    return ConditionType.READY, True, Reason.READY, f"Revision {revision} serves."


def _rests(facts: Facts) -> bool:
    """Suspended with nothing waiting to be released."""
    return facts.suspended and facts.snapshot.target == facts.decision.stable


def _reconciling(hcms: HeadlessCMS, facts: Facts, stalled: Verdict) -> Verdict:
    kind = ConditionType.RECONCILING
    if hcms.spec.suspend:
        return kind, False, Reason.SUSPENDED, ""
    if stalled[1]:
        return kind, False, stalled[2], stalled[3]
    if problem := facts.secrets or facts.children:
        return kind, True, problem.reason, problem.message
    if not facts.settled:
        _, _, reason, message = progressing(facts)
        return kind, True, reason, message
    return kind, False, Reason.SETTLED, ""


def _stalled(facts: Facts, lasting: set[str]) -> Verdict:
    """A Secret or a free name that comes a moment later is no reason for tools to give up."""
    kind = ConditionType.STALLED
    problems = {
        ConditionType.SECRETS_READY: facts.secrets,
        ConditionType.CHILDREN_OWNED: facts.children,
    }
    for about, problem in problems.items():
        if problem and about in lasting:
            return kind, True, problem.reason, problem.message
    if facts.pin and facts.decision.phase is Phase.HEALTHY:
        return kind, True, Reason.PINNED, pinned(facts.pin)
    if _has_failed(facts.migration) and facts.decision.phase is not Phase.REFUSED:
        _, _, reason, message = _migration_failure(facts.migration)
        return kind, True, reason, message
    if end := _end(facts):
        return kind, True, end.reason, end.message
    return kind, False, Reason.NOT_STALLED, ""


def _end(facts: Facts) -> Problem | None:
    """Where the rollout has come to, if somebody has to do something now."""
    phase = facts.decision.phase
    if phase is Phase.REFUSED:
        return Problem(Reason.SCHEMA_TOO_NEW, refused(facts))
    if phase is Phase.ABORTED:
        return rolled_back(facts)
    return Problem(Reason.DEADLINE_EXCEEDED, too_late(facts)) if facts.is_late else None


def _secrets_ready(facts: Facts) -> Verdict:
    kind = ConditionType.SECRETS_READY
    if facts.secrets:
        return kind, False, facts.secrets.reason, facts.secrets.message
    return kind, True, Reason.SECRETS_READ, ""


def _children_owned(facts: Facts) -> Verdict:
    kind = ConditionType.CHILDREN_OWNED
    if facts.children:
        return kind, False, facts.children.reason, facts.children.message
    return kind, True, Reason.CHILDREN_OWNED, ""


def _database_migrated(hcms: HeadlessCMS, facts: Facts) -> Verdict:
    kind, migration = ConditionType.DATABASE_MIGRATED, facts.migration
    if not hcms.spec.migration.enabled:
        return kind, True, Reason.MIGRATION_DISABLED, ""
    if facts.decision.phase is Phase.REFUSED:
        return kind, False, Reason.SCHEMA_TOO_NEW, refused(facts)
    if facts.migration_pod:
        return kind, False, facts.migration_pod.reason, facts.migration_pod.message
    if _has_failed(migration):
        return _migration_failure(migration)
    if migration is None or migration.phase in ("Pending", "Running"):
        return kind, False, *_unfinished(facts)
    version = migration.to_version
    return kind, True, Reason.MIGRATED, f"The schema is at version {version}." if version else ""


def _unfinished(facts: Facts) -> tuple[Reason, str]:
    if facts.pin and facts.migration and facts.migration.phase == "Pending":
        message = f"Revision {facts.pin.from_revision} is rolled back, and its migration waits."
        return Reason.PINNED, message
    return Reason.MIGRATING, "The migration Job has not finished yet."


def _has_failed(migration: MigrationStatus | None) -> bool:
    """It stays failed while it is tried again, until it has passed."""
    if migration is None or migration.phase == "Complete":
        return False
    return migration.phase == "Failed" or migration.message is not None


def _migration_failure(migration: MigrationStatus | None) -> Verdict:
    cause = (migration and migration.message) or "it gave no reason"
    if migration and migration.refusal:
        message = f"The database was left as it is: {cause}"
        return ConditionType.DATABASE_MIGRATED, False, _REFUSALS[migration.refusal], message
    message = f"The migration Job failed and is tried again: {cause}"
    return ConditionType.DATABASE_MIGRATED, False, Reason.MIGRATION_FAILED, message


def _schema_contracted(hcms: HeadlessCMS, facts: Facts) -> Verdict:
    kind, migration = ConditionType.SCHEMA_CONTRACTED, facts.migration
    if not hcms.spec.migration.enabled:
        return kind, True, Reason.MIGRATION_DISABLED, ""
    if migration is None or migration.phase != "Complete":
        return kind, None, Reason.MIGRATING, "The migration Job tells what there is to contract."
    if not migration.to_contract:
        return kind, True, Reason.CONTRACTED, ""
    if facts.contract_pod:
        return kind, False, facts.contract_pod.reason, facts.contract_pod.message
    return kind, False, *_contract(migration.contract)


def _contract(contract: ContractStatus | None) -> tuple[Reason, str]:
    if contract is None:
        return Reason.CONTRACT_WAITS, ""
    if not contract.message:
        return Reason.CONTRACTING, ""
    message = (
        "The contract Job failed and is tried again; everything goes on serving:"
        f" {contract.message} Mend the data, or release an image whose contract is corrected."
    )
    return Reason.CONTRACT_FAILED, message


def _connections_fit(facts: Facts) -> Verdict:
    kind, found = ConditionType.CONNECTIONS_FIT, facts.connections
    if found.allowed is None and facts.migration is None:
        return kind, None, Reason.NO_REPORT, ""
    if found.allowed is None:
        return kind, None, Reason.NO_REPORT_YET, ""
    if found.required <= found.allowed:
        return kind, True, Reason.CONNECTIONS_FIT, ""
    reason = Reason.TOO_MANY_CONNECTIONS
    message = (
        f"The pods' pools may open {found.required} connections, the database allows "
        f"{found.allowed}. {reason.advice}"
    )
    return kind, False, reason, message


def _address_assigned(facts: Facts) -> Verdict:
    kind = ConditionType.ADDRESS_ASSIGNED
    if facts.address_pending:
        return kind, False, Reason.ADDRESS_PENDING, Reason.ADDRESS_PENDING.help
    return kind, True, Reason.ADDRESS_ASSIGNED, facts.address or ""


def _keys_current(facts: Facts) -> Verdict:
    kind = ConditionType.KEYS_CURRENT
    if facts.keys and facts.keys.phase != "Stable":
        message = f"Step {facts.keys.phase} of the rotation to generation {facts.keys.generation}."
        return kind, False, Reason.ROTATING_KEYS, message
    return kind, True, Reason.KEYS_CURRENT, ""


def _available(facts: Facts) -> Verdict:
    kind, wanted = ConditionType.AVAILABLE, facts.snapshot.replicas
    serving = sum(state.endpoints for state in facts.snapshot.revisions.values())
    if wanted == 0:
        return kind, True, Reason.SCALED_TO_ZERO, "No pod is wanted."
    message = f"{serving} of {wanted} wanted pods answer."
    if serving == 0:
        return kind, False, Reason.NO_PODS, message
    return kind, True, Reason.ENOUGH_PODS if serving >= wanted else Reason.FEWER_PODS, message
