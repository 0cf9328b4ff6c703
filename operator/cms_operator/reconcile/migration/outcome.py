"""What a migration Job has come to, by its own status and what its pod has reported."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cms_operator.api.objects import Object
from cms_operator.api.status import JobPhase
from cms_operator.observed.jobs import MigrationReport, job_end, migration_report

# The pod of a Job that has ended may be gone, and its report with it.
REPORT_PATIENCE = timedelta(seconds=10)
POLL_SECONDS = 1.0
_LONGEST_MESSAGE = 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a Job stands; look again after `again` seconds."""

    phase: JobPhase
    report: MigrationReport = field(default_factory=MigrationReport)
    message: str | None = None
    finished_at: datetime | None = None
    again: float | None = None


def completed(job: Object, pods: list[Object], now: datetime) -> Outcome:
    """The outcome of a Job that has ended, once its report is there or overdue.

    The Job and its pod are watched apart: the news of the Job's end may come first.
    """
    found = outcome("Complete", job, pods)
    if not pods and found.finished_at and now - found.finished_at < REPORT_PATIENCE:
        return Outcome("Running", again=POLL_SECONDS)
    return found


def outcome(phase: JobPhase, job: Object, pods: Iterable[Object]) -> Outcome:
    report, end = migration_report(pods), job_end(job)
    message = (report.error or end.message or "it gave no reason") if phase == "Failed" else ""
    return Outcome(
        phase,
        report,
        message[:_LONGEST_MESSAGE] or None,
        datetime.fromisoformat(end.time) if end.time else None,
    )
