"""How a migration Job stands, and what its pods have reported."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

import orjson

from cms_operator.api.objects import Object
from cms_operator.api.status import JobPhase, Refusal
from cms_operator.observed.conditions import condition_of

JOB_LABEL = "batch.kubernetes.io/job-name"
_LONGEST_REPORT = 4096


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What the migration Job wrote into its termination message."""

    from_version: int | None = None
    to_version: int | None = None
    oldest_readable: int | None = None
    max_connections: int | None = None
    schema_version: int | None = None
    to_contract: int | None = None
    error: str = ""
    refusal: Refusal | None = None


def pods_of_job(pods: Iterable[Object], job: str) -> list[Object]:
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(JOB_LABEL) == job]


def migration_phase(job: Object | None) -> JobPhase:
    if job is None:
        return "Pending"
    status = job.get("status") or {}
    if condition_of(status, "Complete").get("status") == "True":
        return "Complete"
    if condition_of(status, "Failed").get("status") == "True":
        return "Failed"
    return "Running"


@dataclass(frozen=True, slots=True)
class JobEnd:
    """When a Job ended, and why where it failed; both empty while it runs."""

    time: str = ""
    message: str = ""


def job_end(job: Object) -> JobEnd:
    status = job.get("status") or {}
    failed = condition_of(status, "Failed")
    if failed.get("status") == "True":
        return JobEnd(str(failed.get("lastTransitionTime", "")), str(failed.get("message", "")))
    return JobEnd(str(status.get("completionTime") or ""))


def migration_report(pods: Iterable[Object]) -> MigrationReport:
    """The newest report of the Job's pods; empty where none has been written yet."""
    newest_first = sorted(
        pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True
    )
    for pod in newest_first:
        for container in pod["status"].get("containerStatuses") or []:
            for state in (container.get("state"), container.get("lastState")):
                message = ((state or {}).get("terminated") or {}).get("message")
                if message:
                    return _parse_report(str(message)[:_LONGEST_REPORT])
    return MigrationReport()


def _parse_report(message: str) -> MigrationReport:
    try:
        found = orjson.loads(message)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        return MigrationReport(error="the Job ended without a report")
    return MigrationReport(
        from_version=_number(found.get("from")),
        to_version=_number(found.get("to")),
        oldest_readable=_number(found.get("oldestReadable")),
        max_connections=_number(found.get("maxConnections")),
        schema_version=_number(found.get("schemaVersion")),
        to_contract=_number(found.get("toContract")),
        error=str(found.get("error") or ""),
        refusal=_refusal(found.get("refusal")),
    )


def _refusal(value: object) -> Refusal | None:
    return next((known for known in get_args(Refusal) if known == value), None)


def _number(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        return None
    return value
