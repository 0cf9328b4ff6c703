"""The status of a migration: what the spec needs, what is known, and what its Jobs have changed."""

from cms_operator.api.status import ContractStatus, MigrationStatus
from cms_operator.cluster.kinds import JOB, SECRET
from cms_operator.observed.jobs import migration_phase, pods_of_job
from cms_operator.observed.pods import has_succeeded
from cms_operator.reconcile.migration.outcome import Outcome, completed
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import names
from cms_operator.resources.children import migration_job
from cms_operator.resources.sources.sources import Sources


def expected(subject: Subject, sources: Sources, known: MigrationStatus | None) -> MigrationStatus:
    """What the present spec needs: the known state of its migration, or a pending one.

    A pending one keeps what the last report said of the database, and one that is
    tried again the message of its failure.
    """
    hcms = subject.hcms
    handled = known.request if known else None
    key = migration_job.key(hcms, sources, _role_uid(subject, sources), handled)
    database = migration_job.database(hcms, sources, handled)
    request = migration_job.request(hcms, handled) or None
    image = hcms.spec.image
    if known is None or known.key != key:
        return MigrationStatus(
            key=key,
            image=image,
            database=database,
            request=request,
            phase="Pending",
            oldest_readable=known.oldest_readable if known else None,
            max_connections=known.max_connections if known else None,
        )
    if known.phase == "Complete":
        return known.model_copy(update={"image": image, "database": database, "request": request})
    return known.model_copy(update={"phase": "Pending", "finished_at": None, "request": request})


def known_migration(
    subject: Subject, sources: Sources, before: MigrationStatus | None
) -> MigrationStatus | None:
    """What was reported and what a contract has come to since, without what that says of the schema
    of another database.
    """
    if before is None:
        return None
    known = _with_contract(subject, before)
    if known.database in ("", migration_job.database(subject.hcms, sources, known.request)):
        return known
    return known.model_copy(update={"oldest_readable": None})


def _with_contract(subject: Subject, known: MigrationStatus) -> MigrationStatus:
    """Add what the contract Job has come to, which may have ended while nobody followed it."""
    name = names.contract_job(subject.hcms.name, known.key)
    job = subject.family.of_kind(JOB.name).get(name)
    if job is None or not has_to_contract(known):
        return known
    if migration_phase(job) != "Complete":
        return known
    pods = pods_of_job(subject.family.job_pods, name)
    found = completed(job, [pod for pod in pods if has_succeeded(pod)], subject.now)
    return contracted(known, found) if found.phase == "Complete" else known


def has_to_contract(migration: MigrationStatus) -> bool:
    return migration.phase == "Complete" and bool(migration.to_contract)


def has_contract_job(subject: Subject, migration: MigrationStatus) -> bool:
    return names.contract_job(subject.hcms.name, migration.key) in subject.family.of_kind(JOB.name)


def _role_uid(subject: Subject, sources: Sources) -> str:
    if not sources.makes_service_role:
        return ""
    name = names.database_secret(subject.hcms.name)
    secret = subject.family.of_kind(SECRET.name).get(name)
    return str(secret["metadata"]["uid"]) if secret else ""


def ended(pending: MigrationStatus, found: Outcome) -> MigrationStatus:
    """The status after a Job that has ended; a failed one tells nothing new of the database."""
    report = found.report
    told = {
        "from_version": report.from_version,
        "to_version": report.to_version,
        "oldest_readable": report.oldest_readable,
        "max_connections": report.max_connections,
        "schema_version": report.schema_version,
        "to_contract": report.to_contract,
    }
    return pending.model_copy(
        update={
            **(told if found.phase == "Complete" else {}),
            "phase": found.phase,
            "message": found.message,
            "refusal": report.refusal,
            "finished_at": found.finished_at,
        }
    )


def contracted(migration: MigrationStatus, found: Outcome) -> MigrationStatus:
    """The status after a contract; its failure's message stays while it is tried again."""
    before = migration.contract.message if migration.contract else None
    done = found.phase == "Complete"
    contract = ContractStatus(
        phase=found.phase,
        message=None if done else found.message or before,
        finished_at=found.finished_at,
    )
    changes: dict[str, object] = {"contract": contract}
    if done:
        changes["to_contract"] = 0
        if found.report.oldest_readable is not None:
            changes["oldest_readable"] = found.report.oldest_readable
    return migration.model_copy(update=changes)
