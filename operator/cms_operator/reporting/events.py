"""Kubernetes Events for what has changed between two statuses."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cms_operator.api.conditions import Condition, ConditionType, Reason
from cms_operator.api.objects import Object
from cms_operator.api.resource import API_VERSION, KIND
from cms_operator.api.status import AdoptionStatus, RolloutStatus, Status

CONTROLLER = "headlesscms.io/operator"
_LONGEST_NOTE = 1024  # in bytes
# The sums of the other conditions; each cause is told once, by the condition that names it.
_SUMS = (ConditionType.RECONCILING, ConditionType.STALLED)
# That nothing is wrong with these is news only where something was.
_EXPECTED = (ConditionType.CONNECTIONS_FIT, ConditionType.SCHEMA_CONTRACTED)
_GOOD = frozenset[str](reason for reason in Reason if not reason.is_trouble)


class Happening(NamedTuple):
    severity: str
    reason: str
    note: str


def happenings(before: Status, after: Status) -> list[Happening]:
    """One Event for each cause that is new.

    Ready says also that it has rolled out, and the first Migrated that the first pods come.
    """
    known = {condition.type: condition for condition in before.conditions}
    found: dict[str, Happening] = {}
    for condition in after.conditions:
        if _is_news(condition, known):
            severity = "Normal" if condition.reason in _GOOD else "Warning"
            told = Happening(severity, condition.reason, condition.message)
            found.setdefault(condition.reason, told)
    if Reason.READY in found:
        found.pop(Reason.ROLLED_OUT, None)
    if before.stable_revision is None and Reason.MIGRATED in found:
        found.pop(Reason.ROLLING_OUT, None)
    if taken_over := _taken_over(before.adoption, after.adoption):
        found[taken_over.reason] = taken_over
    verdict = _verdict(before.rollout, after.rollout)
    if verdict and verdict.reason not in found:
        found[verdict.reason] = verdict
    return list(found.values())


def _taken_over(before: AdoptionStatus | None, after: AdoptionStatus | None) -> Happening | None:
    if after is None or after == before:
        return None
    known = before.objects if before and before.request == after.request else ()
    if new := after.objects[len(known) :]:
        return Happening("Normal", "Adopted", f"Took over {', '.join(new)}.")
    if after.finished_at and not after.objects:
        return Happening("Normal", "Adopted", "There is nothing left to take over.")
    return None


def _verdict(before: RolloutStatus | None, after: RolloutStatus | None) -> Happening | None:
    """The verdict of an analysis, where it is another than before."""
    if after is None or after.analysis is None or not after.analysis.measures:
        return None
    found = after.analysis
    known = before.analysis if before and before.started_at == after.started_at else None
    if known and known.measures and known.verdict == found.verdict:
        return None
    severity = "Normal" if found.verdict in ("Successful", "NoData") else "Warning"
    note = f"Revision {after.revision}: {found.message}"
    return Happening(severity, f"Analysis{found.verdict}", note)


def _is_news(condition: Condition, known: Mapping[str, Condition]) -> bool:
    before = known.get(condition.type)
    if condition.type in _SUMS or condition.status == "Unknown" or _is_old(before, condition):
        return False
    if condition.type == ConditionType.AVAILABLE:
        # While pods start or scale it only counts them; it tells when nothing serves any longer.
        ready = known.get(ConditionType.READY)
        was_ready = ready is not None and ready.status == "True"
        return was_ready and condition.status == "False"
    if before is None and condition.type != ConditionType.READY:
        return condition.reason not in _GOOD
    if before and before.status == "Unknown" and condition.type in _EXPECTED:
        return condition.reason not in _GOOD
    return True


def _is_old(before: Condition | None, after: Condition) -> bool:
    return before is not None and (before.status, before.reason) == (after.status, after.reason)


def event(parent: Object, happening: Happening, now: datetime) -> dict[str, Any]:
    """The body of an events.k8s.io/v1 Event about a HeadlessCMS."""
    metadata = parent["metadata"]
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
        },
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "type": happening.severity,
        "reason": happening.reason,
        "note": happening.note.encode()[:_LONGEST_NOTE].decode(errors="ignore"),
        "action": "Reconcile",
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "reportingController": CONTROLLER,
        "reportingInstance": CONTROLLER,
    }
