"""What a HeadlessCMS shows as metrics: a function of the object as the API server has it.

Its fields are read as they are: to validate a thousand objects at each scrape would cost more
than all that is shown of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cms_operator.api.objects import Object
from cms_operator.rollout.transitions import IN_FLIGHT

# Label values, in the order of the family's own labels, and the value.
Sample = tuple[tuple[str, ...], float]

NAMED = ("namespace", "name")
_STATUSES = ("True", "False", "Unknown")


@dataclass(frozen=True, slots=True)
class MetricFamily:
    """Gauges of one name; `labels` come beside those of NAMED."""

    name: str
    help: str
    read: Callable[[Object], Iterator[Sample]]
    labels: tuple[str, ...] = ()


def _conditions(found: Object) -> Iterator[Sample]:
    for condition in _at(found, "status", "conditions") or ():
        for status in _STATUSES:
            yield (condition["type"], status), float(condition["status"] == status)


def _ready_reason(found: Object) -> Iterator[Sample]:
    for condition in _at(found, "status", "conditions") or ():
        if condition["type"] == "Ready":
            yield (condition["reason"],), 1.0


def _info(found: Object) -> Iterator[Sample]:
    status = found.get("status") or {}
    words = ("version", "strategy", "stableRevision", "updatedRevision")
    yield tuple(str(status.get(word) or "") for word in words), 1.0


def _number(*path: str) -> Callable[[Object], Iterator[Sample]]:
    def read(found: Object) -> Iterator[Sample]:
        value = _at(found, *path)
        if value is not None:
            yield (), float(value)

    return read


def _moment(*path: str) -> Callable[[Object], Iterator[Sample]]:
    def read(found: Object) -> Iterator[Sample]:
        if (seconds := _seconds(_at(found, *path))) is not None:
            yield (), seconds

    return read


def _rollout(found: Object) -> Object:
    """The rollout that is under way."""
    rollout: Object = _at(found, "status", "rollout") or {}
    return rollout if rollout.get("phase") in IN_FLIGHT else {}


def _rollout_phase(found: Object) -> Iterator[Sample]:
    if rollout := _rollout(found):
        words = ("strategy", "phase", "revision", "previous")
        yield tuple(str(rollout.get(word) or "") for word in words), 1.0


def _rollout_number(field: str) -> Callable[[Object], Iterator[Sample]]:
    return _of_rollout(_number(field))


def _rollout_moment(field: str) -> Callable[[Object], Iterator[Sample]]:
    return _of_rollout(_moment(field))


def _of_rollout(read: Callable[[Object], Iterator[Sample]]) -> Callable[[Object], Iterator[Sample]]:
    return lambda found: read(_rollout(found))


def _rollout_weights(found: Object) -> Iterator[Sample]:
    rollout = _rollout(found)
    for kind in ("set", "actual", "observed"):
        if (percent := rollout.get(f"{kind}Weight")) is not None:
            yield (kind,), float(percent)


def _revisions(field: str) -> Callable[[Object], Iterator[Sample]]:
    """The revisions that have pods: a history of old ones is no series."""

    def read(found: Object) -> Iterator[Sample]:
        for revision in _at(found, "status", "revisions") or ():
            if revision.get("replicas"):
                yield (revision["name"],), float(revision.get(field) or 0)

    return read


def _keys_phase(found: Object) -> Iterator[Sample]:
    if (phase := _at(found, "status", "jwtKeys", "phase")) is not None:
        yield (phase,), 1.0


def _flag(*path: str) -> Callable[[Object], Iterator[Sample]]:
    def read(found: Object) -> Iterator[Sample]:
        yield (), float(bool(_at(found, *path)))

    return read


def _at(found: Object, *path: str) -> Any:
    value: Any = found
    for step in path:
        value = (value or {}).get(step)
    return value


def _seconds(moment: str | None) -> float | None:
    """Seconds since 1970; None where it is no time."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else None
    except ValueError:
        return None


FAMILIES = (
    MetricFamily(
        "hcms_created", "When the object was made.", _moment("metadata", "creationTimestamp")
    ),
    MetricFamily(
        "hcms_info",
        "Always 1.",
        _info,
        ("version", "strategy", "stable_revision", "updated_revision"),
    ),
    MetricFamily(
        "hcms_condition",
        "1 for the status that the condition has.",
        _conditions,
        ("type", "status"),
    ),
    MetricFamily(
        "hcms_ready_reason",
        "Always 1: the reason of the condition Ready.",
        _ready_reason,
        ("reason",),
    ),
    MetricFamily(
        "hcms_metadata_generation", "Counts changes of the spec.", _number("metadata", "generation")
    ),
    MetricFamily(
        "hcms_status_observed_generation",
        "Generation that the status is about.",
        _number("status", "observedGeneration"),
    ),
    MetricFamily(
        "hcms_spec_suspend",
        "1 where the operator was told to leave it alone.",
        _flag("spec", "suspend"),
    ),
    MetricFamily("hcms_spec_replicas", "Pods that are wanted.", _number("spec", "replicas")),
    MetricFamily(
        "hcms_spec_max_replicas",
        "Most pods that the autoscaler may ask for; absent without one.",
        _number("spec", "autoscaling", "maxReplicas"),
    ),
    MetricFamily(
        "hcms_spec_min_replicas",
        "Fewest pods that the autoscaler may ask for; absent without one.",
        _number("spec", "autoscaling", "minReplicas"),
    ),
    MetricFamily(
        "hcms_status_replicas", "Pods of the revisions that serve.", _number("status", "replicas")
    ),
    MetricFamily(
        "hcms_status_ready_replicas",
        "Pods of these that answer requests.",
        _number("status", "readyReplicas"),
    ),
    MetricFamily(
        "hcms_revision_replicas", "Pods of a revision.", _revisions("replicas"), ("revision",)
    ),
    MetricFamily(
        "hcms_revision_ready_replicas",
        "Pods of a revision that serve.",
        _revisions("readyReplicas"),
        ("revision",),
    ),
    MetricFamily(
        "hcms_rollout_phase",
        "Always 1; absent, as all of a rollout, while none is under way.",
        _rollout_phase,
        ("strategy", "phase", "revision", "previous"),
    ),
    MetricFamily(
        "hcms_rollout_started_timestamp_seconds", "When it began.", _rollout_moment("startedAt")
    ),
    MetricFamily(
        "hcms_rollout_since_timestamp_seconds",
        "When its present phase or step began.",
        _rollout_moment("since"),
    ),
    MetricFamily(
        "hcms_rollout_lagging_timestamp_seconds",
        "Since when it has come no nearer to its goal; absent while it is there.",
        _rollout_moment("laggingSince"),
    ),
    MetricFamily(
        "hcms_rollout_steps_done", "Steps that are done.", _rollout_number("currentStepIndex")
    ),
    MetricFamily("hcms_rollout_steps", "Steps that there are.", _rollout_number("steps")),
    MetricFamily(
        "hcms_rollout_weight_percent",
        "Share of the traffic that the rollout wants for the revision, has set and has seen.",
        _rollout_weights,
        ("kind",),
    ),
    MetricFamily(
        "hcms_jwt_keys_phase", "Always 1: step of the keys' rotation.", _keys_phase, ("phase",)
    ),
    MetricFamily(
        "hcms_jwt_keys_since_timestamp_seconds",
        "When the phase began; in the phase Stable the age of the signing key.",
        _moment("status", "jwtKeys", "since"),
    ),
)
