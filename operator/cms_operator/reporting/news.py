"""Which change of a status is news, and which one only counts pods that come and go, or tells that
a Job that was made has begun.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from cms_operator.api.conditions import Condition, ConditionType, Reason
from cms_operator.api.model import Model
from cms_operator.api.status import MigrationStatus, RolloutStatus, Status, is_under_way
from cms_operator.observed.snapshot import Snapshot

# While pods come and go the counts change all the time; each write is an event for all who watch.
COUNTS_EVERY = timedelta(seconds=10)
# While there is much else to do, counts wait up to this long.
COUNTS_AT_LEAST_EVERY = timedelta(seconds=60)
# Where a write takes long, the API server has better things to do: counts get 1 % of the time.
COUNTS_PER_COST = 100
# Fields that only count pods: of a status or a revision in it, and of a rollout.
_COUNTS = {"replicas", "ready_replicas"}
_PODS = {"actual_weight", "serving", "awaited", "lagging_since"}
# Reasons of Available, worst first. That fewer pods answer is news, that more do is a count.
_AVAILABLE = (Reason.NO_PODS, Reason.FEWER_PODS, Reason.ENOUGH_PODS)


def counts_wait(told: datetime, now: datetime, *, cost: timedelta, busy: bool) -> float:
    """Seconds after which to see again whether counts alone are worth a write; 0: they are.

    `told` is when the status was written last, `cost` how long such a write takes.
    `busy`: there is much else to do.
    """
    every = min(max(COUNTS_EVERY, COUNTS_PER_COST * cost), COUNTS_AT_LEAST_EVERY)
    age = now - told
    if age < every:
        return (every - age).total_seconds()
    give_way = busy and age < COUNTS_AT_LEAST_EVERY
    return every.total_seconds() if give_way else 0.0


def is_settled(snapshot: Snapshot) -> bool:
    """No migration is under way, and each Deployment has the pods that it wants, which get traffic
    or are previewed.
    """
    migrates = snapshot.migration is not None and is_under_way(snapshot.migration)
    return not migrates and all(
        found.observed
        and found.wanted == found.current == found.available
        and found.wanted == max(found.endpoints, found.preview)
        for found in snapshot.revisions.values()
    )


def only_counts(before: Status, after: Status) -> bool:
    """Nothing differs but numbers of pods, what is said of them, and whether a migration that is
    under way has begun.
    """
    return before != after and (
        _same(before, after, {*_COUNTS, "revisions", "conditions", "rollout", "migration"})
        and _all_same(before.revisions, after.revisions, _COUNTS)
        and _count_alone(before.conditions, after.conditions)
        and _all_same(_rollout(before), _rollout(after), _PODS)
        and _migrates_on(before.migration, after.migration)
    )


def _migrates_on(before: MigrationStatus | None, after: MigrationStatus | None) -> bool:
    if before is None or after is None or before == after:
        return before == after
    under_way = is_under_way(before.phase) and is_under_way(after.phase)
    return under_way and _same(before, after, {"phase"})


def _count_alone(before: Sequence[Condition], after: Sequence[Condition]) -> bool:
    return len(before) == len(after) and all(
        one.type == other.type and (_more_answer(one, other) or _same(one, other, {"message"}))
        for one, other in zip(before, after, strict=True)
    )


def _more_answer(before: Condition, after: Condition) -> bool:
    return (
        before.type == ConditionType.AVAILABLE
        and all(reason in _AVAILABLE for reason in (before.reason, after.reason))
        and _AVAILABLE.index(before.reason) < _AVAILABLE.index(after.reason)
    )


def _rollout(status: Status) -> tuple[RolloutStatus, ...]:
    return () if status.rollout is None else (status.rollout,)


def _all_same(before: Sequence[Model], after: Sequence[Model], but: Collection[str]) -> bool:
    return len(before) == len(after) and all(
        _same(one, other, but) for one, other in zip(before, after, strict=True)
    )


def _same(before: Model, after: Model, but: Collection[str]) -> bool:
    return before is after or all(
        getattr(before, name) == getattr(after, name)
        for name in type(before).model_fields
        if name not in but
    )
