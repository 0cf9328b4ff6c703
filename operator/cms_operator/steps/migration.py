"""The migration Job: once for each image, database, role and list of tenants."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from cms_operator.api import HeadlessCMS
from cms_operator.api.status import MigrationStatus
from cms_operator.cluster.apply import Applier, was_asked_otherwise
from cms_operator.cluster.kinds import JOB, SECRET
from cms_operator.cluster.store import Object
from cms_operator.resources import migration_job, names
from cms_operator.resources.sources import Sources
from cms_operator.rollout.family import Family
from cms_operator.rollout.observe import (
    has_started,
    has_succeeded,
    job_end,
    migration_phase,
    migration_report,
    pods_of_job,
)
from cms_operator.rollout.snapshot import MigrationPhase

# A failed Job stays that long, for its logs, before it is tried again.
RETRY = timedelta(seconds=60)
# The pod of a Job that has ended may be gone, and its report with it.
REPORT_PATIENCE = timedelta(seconds=10)
REPORT_POLL_SECONDS = 1.0
_LONGEST_MESSAGE = 1024


class Migrations:
    def __init__(self, applier: Applier) -> None:
        self._applier = applier

    async def ensure(
        self,
        hcms: HeadlessCMS,
        sources: Sources,
        family: Family,
        before: MigrationStatus | None,
        now: datetime,
    ) -> tuple[MigrationStatus, float | None]:
        """Start, follow or try again the Job; its state, and when to look again.

        Raises NameTakenError, StaleReadError, ApiError.
        """
        pending = expected(hcms, sources, family, before)
        if pending.phase == "Complete":
            return pending, None
        key = pending.key
        wanted = migration_job.build(hcms, sources, key)
        job = family.of_kind(JOB.name).get(wanted["metadata"]["name"])
        if job is None:
            await self._applier.create(wanted, hcms.metadata.uid)
            return pending, None
        pods = pods_of_job(family.job_pods, job["metadata"]["name"])
        if not any(has_started(pod) for pod in pods) and was_asked_otherwise(wanted, job):
            # What kept its pod from starting may be mended; a Job's pod cannot be changed.
            await self._applier.delete(JOB, job)
            return pending, None
        phase = migration_phase(job)
        if phase in _UNDER_WAY:
            return pending.model_copy(update={"phase": _UNDER_WAY[phase]}), None
        if phase is MigrationPhase.COMPLETE:
            pods = [pod for pod in pods if has_succeeded(pod)]
        state = _ended(key, phase, job, pods)
        if phase is MigrationPhase.COMPLETE:
            on_its_way = _report_is_on_its_way(state, pods, now)
            running = pending.model_copy(update={"phase": "Running"})
            return (running, REPORT_POLL_SECONDS) if on_its_way else (state, None)
        left = (state.finished_at or now) + RETRY - now
        if left <= timedelta(0):
            await self._applier.delete(JOB, job)
        return state, max(1.0, left.total_seconds())


def expected(
    hcms: HeadlessCMS, sources: Sources, family: Family, before: MigrationStatus | None
) -> MigrationStatus:
    """What the present spec needs: the known state of its migration, or a pending one.

    A pending one keeps what the last report said of the database, and one that is
    tried again the message of its failure.
    """
    key = migration_job.key(hcms, sources, _role_uid(hcms, sources, family))
    if before is None:
        return MigrationStatus(key=key, phase="Pending")
    if before.key != key:
        return MigrationStatus(key=key, phase="Pending", max_connections=before.max_connections)
    if before.phase == "Complete":
        return before
    return before.model_copy(update={"phase": "Pending", "finished_at": None})


def _role_uid(hcms: HeadlessCMS, sources: Sources, family: Family) -> str:
    if not sources.makes_service_role:
        return ""
    secret = family.of_kind(SECRET.name).get(names.database_secret(hcms.name))
    return str(secret["metadata"]["uid"]) if secret else ""


def _report_is_on_its_way(state: MigrationStatus, pods: Iterable[Object], now: datetime) -> bool:
    """The Job and its pod are watched apart: the news of the Job's end may come first."""
    if any(pods) or state.finished_at is None:
        return False
    return now - state.finished_at < REPORT_PATIENCE


def _ended(key: str, phase: MigrationPhase, job: Object, pods: Iterable[Object]) -> MigrationStatus:
    report = migration_report(pods)
    end = job_end(job)
    failure = report.error or end.message if phase is MigrationPhase.FAILED else ""
    return MigrationStatus(
        key=key,
        phase="Failed" if phase is MigrationPhase.FAILED else "Complete",
        from_version=report.from_version,
        to_version=report.to_version,
        oldest_readable=report.oldest_readable,
        max_connections=report.max_connections,
        message=failure[:_LONGEST_MESSAGE] or None,
        finished_at=datetime.fromisoformat(end.time) if end.time else None,
    )


_UNDER_WAY: dict[MigrationPhase, Literal["Pending", "Running"]] = {
    MigrationPhase.PENDING: "Pending",
    MigrationPhase.RUNNING: "Running",
}
