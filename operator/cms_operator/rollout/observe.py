"""From objects of the API server to the counted state that decide() sees."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from cms_operator.api.resource import GROUP
from cms_operator.api.status import LONGEST_REQUEST, LONGEST_USER, UNVERIFIED, Refusal, Verb
from cms_operator.resources import labels
from cms_operator.rollout.snapshot import MigrationPhase, Request, RevisionState

SERVICE_LABEL = "kubernetes.io/service-name"
_LONGEST_REPORT = 4096

Object = Mapping[str, Any]


def revision_of(found: Object) -> str | None:
    return (found["metadata"].get("labels") or {}).get(labels.REVISION)


def revision_states(
    deployments: Iterable[Object], endpoints: Mapping[str, int], preview: Mapping[str, int]
) -> dict[str, RevisionState]:
    """Count each revision's pods; `endpoints` get traffic, `preview` are behind the preview."""
    states = {}
    for deployment in deployments:
        name = revision_of(deployment)
        if name is None or deployment["metadata"].get("deletionTimestamp"):
            continue
        states[name] = _state(deployment, endpoints.get(name, 0), preview.get(name, 0))
    return states


def _state(deployment: Object, endpoints: int, preview: int) -> RevisionState:
    status = deployment.get("status") or {}
    generation = deployment["metadata"].get("generation", 0)
    progressing = _condition(status, "Progressing")
    return RevisionState(
        wanted=deployment["spec"].get("replicas", 1),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        endpoints=endpoints,
        observed=status.get("observedGeneration", 0) >= generation,
        deadline_exceeded=progressing.get("reason") == "ProgressDeadlineExceeded",
        preview=preview,
    )


def serving_endpoints(
    slices: Iterable[Object], pods: Iterable[Object], service: str
) -> dict[str, int]:
    """How many ready endpoints of the Service belong to each revision."""
    revisions = {pod["metadata"]["name"]: revision_of(pod) for pod in pods}
    counted: Counter[str] = Counter()
    for found in slices:
        if (found["metadata"].get("labels") or {}).get(SERVICE_LABEL) != service:
            continue
        for endpoint in found.get("endpoints") or []:
            revision = revisions.get((endpoint.get("targetRef") or {}).get("name"))
            if revision and takes_traffic(endpoint):
                counted[revision] += 1
    return dict(counted)


def takes_traffic(endpoint: Object) -> bool:
    conditions = endpoint.get("conditions") or {}
    # The API reads an absent `ready` as true.
    return conditions.get("ready") is not False and not conditions.get("terminating")


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


def requests(annotations: Mapping[str, str], *, stamped: bool) -> tuple[Request, ...]:
    """What people ask. A value of more than 128 characters is no request.

    `stamped` tells that admission policies guard who has asked.
    """
    return tuple(
        Request(verb, annotations[name], _asker(annotations, verb, stamped=stamped))
        for verb in get_args(Verb)
        if (name := f"{GROUP}/{verb}") in annotations and len(annotations[name]) <= LONGEST_REQUEST
    )


def _asker(annotations: Mapping[str, str], verb: Verb, *, stamped: bool) -> str:
    stamp = annotations.get(f"{GROUP}/{verb}-by", "") if stamped else ""
    return stamp[:LONGEST_USER] or UNVERIFIED


def pods_of_job(pods: Iterable[Object], job: str) -> list[Object]:
    label = "batch.kubernetes.io/job-name"
    return [pod for pod in pods if (pod["metadata"].get("labels") or {}).get(label) == job]


def has_started(pod: Object) -> bool:
    return bool(pod["status"].get("phase") != "Pending")


def is_serving(pod: Object) -> bool:
    """It has an address and is ready, and nobody has asked it to go."""
    status = pod["status"]
    leaving = pod["metadata"].get("deletionTimestamp") is not None
    return not leaving and bool(status.get("podIP")) and _is_ready(status)


def ready_since(pod: Object) -> datetime:
    """When a pod that is ready became so."""
    return datetime.fromisoformat(_condition(pod["status"], "Ready")["lastTransitionTime"])


def is_starting(pod: Object) -> bool:
    """It is on its way to serve."""
    leaving = pod["metadata"].get("deletionTimestamp") is not None
    ended = pod["status"].get("phase") in ("Succeeded", "Failed")
    return not leaving and not ended and not is_serving(pod)


def _is_ready(status: Object) -> bool:
    return _condition(status, "Ready").get("status") == "True"


def is_alive(pod: Object) -> bool:
    """Its containers run, or may yet."""
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def has_succeeded(pod: Object) -> bool:
    return bool(pod["status"].get("phase") == "Succeeded")


def migration_phase(job: Object | None) -> MigrationPhase:
    if job is None:
        return MigrationPhase.PENDING
    status = job.get("status") or {}
    if _condition(status, "Complete").get("status") == "True":
        return MigrationPhase.COMPLETE
    if _condition(status, "Failed").get("status") == "True":
        return MigrationPhase.FAILED
    return MigrationPhase.RUNNING


@dataclass(frozen=True, slots=True)
class JobEnd:
    """When a Job ended, and why where it failed; both empty while it runs."""

    time: str = ""
    message: str = ""


def job_end(job: Object) -> JobEnd:
    status = job.get("status") or {}
    failed = _condition(status, "Failed")
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
        found = json.loads(message)
    except ValueError:
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


def _condition(status: Object, kind: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition["type"] == kind:
            found: Object = condition
            return found
    return {}
