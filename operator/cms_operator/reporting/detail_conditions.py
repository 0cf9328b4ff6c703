"""The conditions that say in detail what is well and what is not, beside the three of kstatus."""

from collections.abc import Iterator, Mapping

from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.resource import HeadlessCMS
from cms_operator.api.status import ContractStatus, MigrationStatus, Refusal, is_under_way
from cms_operator.reporting.condition_state import ConditionState, false, true, unknown
from cms_operator.reporting.facts import Facts
from cms_operator.reporting.progressing import progressing, refused
from cms_operator.rollout.decision import DecisionPhase

_REFUSALS: Mapping[Refusal, Reason] = {
    "SchemaTooNew": Reason.SCHEMA_TOO_NEW,
    "DatabaseOwned": Reason.DATABASE_OWNED,
    "ReleaseSkipped": Reason.RELEASE_SKIPPED,
}


def detail_conditions(hcms: HeadlessCMS, facts: Facts) -> list[ConditionState]:
    return [
        _secrets_ready(facts),
        _children_owned(facts),
        _database_migrated(hcms, facts),
        _schema_contracted(hcms, facts),
        progressing(facts),
        _available(facts),
        *_connections_fit(facts),
        _address_assigned(facts),
        _keys_current(facts),
    ]


def _secrets_ready(facts: Facts) -> ConditionState:
    kind = ConditionType.SECRETS_READY
    if facts.secrets_problem:
        return false(kind, facts.secrets_problem.reason, facts.secrets_problem.message)
    return true(kind, Reason.SECRETS_READ)


def _children_owned(facts: Facts) -> ConditionState:
    kind = ConditionType.CHILDREN_OWNED
    if facts.children_problem:
        return false(kind, facts.children_problem.reason, facts.children_problem.message)
    return true(kind, Reason.CHILDREN_OWNED)


def _database_migrated(hcms: HeadlessCMS, facts: Facts) -> ConditionState:
    kind, migration = ConditionType.DATABASE_MIGRATED, facts.migration
    if not hcms.spec.migration.enabled:
        return true(kind, Reason.MIGRATION_DISABLED)
    if facts.decision.phase is DecisionPhase.REFUSED:
        return false(kind, Reason.SCHEMA_TOO_NEW, refused(facts))
    if facts.migration_problem:
        return false(kind, facts.migration_problem.reason, facts.migration_problem.message)
    if has_failed(migration):
        return migration_failure(migration)
    if migration is None or is_under_way(migration.phase):
        return false(kind, *_unfinished(facts))
    version = migration.to_version
    return true(kind, Reason.MIGRATED, f"The schema is at version {version}." if version else "")


def _unfinished(facts: Facts) -> tuple[Reason, str]:
    if facts.pin and facts.migration and facts.migration.phase == "Pending":
        message = f"Revision {facts.pin.from_revision} is rolled back, and its migration waits."
        return Reason.PINNED, message
    return Reason.MIGRATING, "The migration Job has not finished yet."


def has_failed(migration: MigrationStatus | None) -> bool:
    """It stays failed while it is tried again, until it has passed."""
    if migration is None or migration.phase == "Complete":
        return False
    return migration.phase == "Failed" or migration.message is not None


def migration_failure(migration: MigrationStatus | None) -> ConditionState:
    kind = ConditionType.DATABASE_MIGRATED
    cause = (migration and migration.message) or "it gave no reason"
    if migration and migration.refusal:
        message = f"The database was left as it is: {cause}"
        return false(kind, _REFUSALS[migration.refusal], message)
    message = f"The migration Job failed and is tried again: {cause}"
    return false(kind, Reason.MIGRATION_FAILED, message)


def _schema_contracted(hcms: HeadlessCMS, facts: Facts) -> ConditionState:
    kind, migration = ConditionType.SCHEMA_CONTRACTED, facts.migration
    if not hcms.spec.migration.enabled:
        return true(kind, Reason.MIGRATION_DISABLED)
    if migration is None or migration.phase != "Complete":
        return unknown(kind, Reason.MIGRATING, "The migration Job tells what there is to contract.")
    if not migration.to_contract:
        return true(kind, Reason.CONTRACTED)
    if facts.contract_problem:
        return false(kind, facts.contract_problem.reason, facts.contract_problem.message)
    return false(kind, *_contract(migration.contract))


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


def _connections_fit(facts: Facts) -> Iterator[ConditionState]:
    """None where it stays as it was."""
    kind, found = ConditionType.CONNECTIONS_FIT, facts.connections
    if found.allowed is None:
        known = Reason.NO_REPORT if facts.migration is None else Reason.NO_REPORT_YET
        yield unknown(kind, known)
    elif found.required is None:
        return
    elif found.required <= found.allowed:
        yield true(kind, Reason.CONNECTIONS_FIT)
    else:
        reason = Reason.TOO_MANY_CONNECTIONS
        message = (
            f"The pods' pools may open {found.required} connections, the database allows "
            f"{found.allowed}. {reason.advice}"
        )
        yield false(kind, reason, message)


def _address_assigned(facts: Facts) -> ConditionState:
    kind = ConditionType.ADDRESS_ASSIGNED
    if facts.address_pending:
        return false(kind, Reason.ADDRESS_PENDING, Reason.ADDRESS_PENDING.help)
    return true(kind, Reason.ADDRESS_ASSIGNED, facts.address or "")


def _keys_current(facts: Facts) -> ConditionState:
    kind = ConditionType.KEYS_CURRENT
    if facts.keys and facts.keys.phase != "Stable":
        message = f"Step {facts.keys.phase} of the rotation to generation {facts.keys.generation}."
        return false(kind, Reason.ROTATING_KEYS, message)
    return true(kind, Reason.KEYS_CURRENT)


def _available(facts: Facts) -> ConditionState:
    serving = sum(state.endpoints for state in facts.snapshot.revisions.values())
    # Progressing speaks of the target alone, or of how the rollout ended.
    problem = facts.stable_problem or facts.snapshot.problem
    return available(serving, facts.snapshot.replicas, problem.message if problem else "")


def available(serving: int, wanted: int, why: str = "") -> ConditionState:
    """Whether pods answer, and `why` not more of them do where that is known."""
    kind = ConditionType.AVAILABLE
    if wanted == 0:
        return true(kind, Reason.SCALED_TO_ZERO, "No pod is wanted.")
    message = f"{serving} of {wanted} wanted pods answer."
    if serving >= wanted:
        return true(kind, Reason.ENOUGH_PODS, message)
    message = f"{message} {why}".strip()
    if serving == 0:
        return false(kind, Reason.NO_PODS, message)
    return true(kind, Reason.FEWER_PODS, message)
