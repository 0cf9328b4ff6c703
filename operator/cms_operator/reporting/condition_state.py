"""A condition as a reconcile finds it, before it has a time and a generation."""

from typing import NamedTuple

from cms_operator.api.conditions import ConditionType, Reason


class ConditionState(NamedTuple):
    """`status` is None where it is unknown. An empty message stands for the reason's own help."""

    type: ConditionType
    status: bool | None
    reason: Reason
    message: str


def true(kind: ConditionType, reason: Reason, message: str = "") -> ConditionState:
    return ConditionState(kind, status=True, reason=reason, message=message)


def false(kind: ConditionType, reason: Reason, message: str = "") -> ConditionState:
    return ConditionState(kind, status=False, reason=reason, message=message)


def unknown(kind: ConditionType, reason: Reason, message: str = "") -> ConditionState:
    return ConditionState(kind, status=None, reason=reason, message=message)
