"""The migration Jobs: one expands, once for each image, database, role and list of tenants, the
other contracts when its image is stable and alone. At any time one of them runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cms_operator.api.objects import Object
from cms_operator.api.status import ContractStatus, JobPhase, MigrationStatus, is_under_way
from cms_operator.cluster.kinds import JOB, SECRET
from cms_operator.cluster.writing.apply import Applier, was_asked_otherwise
from cms_operator.observed.family import Family
from cms_operator.observed.jobs import (
    MigrationReport,
    job_end,
    migration_phase,
    migration_report,
    pods_of_job,
)
from cms_operator.observed.pods import has_started, has_succeeded, is_alive
from cms_operator.observed.snapshot import MigrationPhase
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import migration_job, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.sources import Sources

# A failed Job stays that long, for its logs, before it is tried again.
RETRY = timedelta(seconds=60)
# Nothing waits for a contract, and what it locks is in use.
CONTRACT_RETRY = timedelta(minutes=10)
# The pod of a Job that has ended may be gone, and its report with it.
REPORT_PATIENCE = timedelta(seconds=10)
POLL_SECONDS = 1.0
_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a Job stands; look again after `again` seconds."""

    phase: JobPhase
    report: MigrationReport = field(default_factory=MigrationReport)
    message: str | None = None
    finished_at: datetime | None = None
    again: float | None = None


class Migrations:
    def __init__(self, applier: Applier) -> None:
        self._applier = applier

    async def ensure(
        self,
        subject: Subject,
        sources: Sources,
        known: MigrationStatus | None,
        in_use: int | None,
    ) -> tuple[MigrationStatus, float | None]:
        """Start, follow or try again the Job; its state, and when to look again.

        `known` is what is known of the migration and this database, `in_use` the oldest schema that
        an image with pods was made for. Raises NameHeldError, StaleReadError, ApiError.
        """
        pending = expected(subject, sources, known)
        if pending.phase == "Complete":
            return pending, None
        wanted = migration_job.build(subject.hcms, sources, pending.key, in_use)
        found = await self._run(subject, wanted, RETRY)
        if is_under_way(found.phase):
            return pending.model_copy(update={"phase": found.phase}), found.again
        return _ended(pending, found), found.again

    async def contract(
        self, subject: Subject, sources: Sources, migration: MigrationStatus, *, due: bool
    ) -> tuple[MigrationStatus, float | None]:
        """Start, follow or try again the contract Job, which begins only while it is `due`.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        if not has_to_contract(migration) or not (due or has_contract_job(subject, migration)):
            return migration, None
        wanted = migration_job.build_contract(subject.hcms, sources, migration.key)
        found = await self._run(subject, wanted, CONTRACT_RETRY if due else None)
        return _contracted(migration, found), found.again

    async def end_contract(self, subject: Subject, key: str) -> bool:
        """End the contract Job of a revision rolled back from; True while some of it is there.

        Raises StaleReadError, ApiError.
        """
        name, family = names.contract_job(subject.hcms.name, key), subject.family
        job = family.of_kind(JOB.name).get(name)
        under_way = await self._end([job] if job else [])
        return under_way or any(is_alive(pod) for pod in pods_of_job(family.job_pods, name))

    async def set_aside(self, subject: Subject, pending: MigrationStatus) -> MigrationStatus:
        """End the Job of a revision that was rolled back from before it had passed.

        Raises StaleReadError, ApiError.
        """
        name = names.migration_job(subject.hcms.name, pending.key)
        job = subject.family.of_kind(JOB.name).get(name)
        await self._end([job] if job else [])
        return pending.model_copy(update={"message": None, "refusal": None})

    async def _run(self, subject: Subject, wanted: Manifest, retry: timedelta | None) -> _Outcome:
        """Start or follow a Job; one that has failed is tried again after `retry`, if given."""
        name, family, now = wanted["metadata"]["name"], subject.family, subject.now
        job = family.of_kind(JOB.name).get(name)
        if job is None:
            if await self._others_go_on(family, name):
                return _Outcome("Pending", again=POLL_SECONDS)
            await self._applier.create(wanted, subject.hcms.metadata.uid)
            return _Outcome("Pending")
        pods = pods_of_job(family.job_pods, name)
        if not any(has_started(pod) for pod in pods) and was_asked_otherwise(wanted, job):
            # What kept its pod from starting may be mended; a Job's pod cannot be changed.
            await self._applier.delete(JOB, job)
            return _Outcome("Pending", again=POLL_SECONDS)
        phase = migration_phase(job)
        if phase is MigrationPhase.COMPLETE:
            return _completed(job, [pod for pod in pods if has_succeeded(pod)], now)
        if phase is MigrationPhase.FAILED:
            return await self._failed(wanted, job, pods, retry, now)
        return _Outcome("Running" if phase is MigrationPhase.RUNNING else "Pending")

    async def _others_go_on(self, family: Family, name: str) -> bool:
        """End what another spec has asked for; two of them could undo each other."""
        jobs = family.of_kind(JOB.name).items()
        under_way = await self._end(job for other, job in jobs if other != name)
        return under_way or any(is_alive(pod) for pod in family.job_pods)

    async def _end(self, jobs: Iterable[Object]) -> bool:
        """Delete the Jobs that are under way; True where there was one."""
        under_way = [job for job in jobs if migration_phase(job) is MigrationPhase.RUNNING]
        for job in under_way:
            if not job["metadata"].get("deletionTimestamp"):
                await self._applier.delete(JOB, job)
        return bool(under_way)

    async def _failed(
        self,
        wanted: Manifest,
        job: Object,
        pods: Iterable[Object],
        retry: timedelta | None,
        now: datetime,
    ) -> _Outcome:
        found = _outcome("Failed", job, pods)
        if retry is None:
            return found
        left = (found.finished_at or now) + retry - now
        if left <= timedelta(0) or was_asked_otherwise(wanted, job):
            await self._applier.delete(JOB, job)
            left = timedelta(0)
        return replace(found, again=max(POLL_SECONDS, left.total_seconds()))


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
    if migration_phase(job) is not MigrationPhase.COMPLETE:
        return known
    pods = pods_of_job(subject.family.job_pods, name)
    found = _completed(job, [pod for pod in pods if has_succeeded(pod)], subject.now)
    return _contracted(known, found) if found.phase == "Complete" else known


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


def _completed(job: Object, pods: list[Object], now: datetime) -> _Outcome:
    """The outcome of a Job that has ended, once its report is there or overdue.

    The Job and its pod are watched apart: the news of the Job's end may come first.
    """
    found = _outcome("Complete", job, pods)
    if not pods and found.finished_at and now - found.finished_at < REPORT_PATIENCE:
        return _Outcome("Running", again=POLL_SECONDS)
    return found


def _outcome(phase: JobPhase, job: Object, pods: Iterable[Object]) -> _Outcome:
    report, end = migration_report(pods), job_end(job)
    message = (report.error or end.message or "it gave no reason") if phase == "Failed" else ""
    return _Outcome(
        phase,
        report,
        message[:_LONGEST_MESSAGE] or None,
        datetime.fromisoformat(end.time) if end.time else None,
    )


def _ended(pending: MigrationStatus, found: _Outcome) -> MigrationStatus:
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


def _contracted(migration: MigrationStatus, found: _Outcome) -> MigrationStatus:
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
