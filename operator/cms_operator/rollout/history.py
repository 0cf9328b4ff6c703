"""The history of revisions: which are kept, and which were stable when."""

from collections.abc import Mapping
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.status import PinStatus, Status
from cms_operator.observed.family import Family, revision_of
from cms_operator.rollout.decision import Decision


def newest_first(records: Mapping[str, Object]) -> list[Object]:
    return sorted(records.values(), key=lambda found: int(found["revision"]), reverse=True)


def kept_records(hcms: HeadlessCMS, family: Family, decision: Decision, before: Status) -> set[str]:
    """Revisions with pods, and as many old ones as the history may hold: those that were stable
    before those that never were, the latest first.

    One that is retired now is an old one already: there may be no event after its end.
    """
    records = family.by_revision("ControllerRevision")
    deployments = {*family.by_revision("Deployment")} - {*decision.retire}
    living = {decision.target, *decision.sizes, *deployments}
    if decision.stable:
        living.add(decision.stable)
    good = (before.stable_revision, *formerly_stable(before))
    old = [*good, *(revision_of(found) for found in newest_first(records))]
    history = dict.fromkeys(name for name in old if name in records and name not in living)
    return living | set([*history][: hcms.spec.rollout.revision_history_limit])


def stable_times(
    before: Status, stable: str | None, pin: PinStatus | None, now: datetime
) -> dict[str, datetime]:
    """When each revision last became the stable one. What somebody has rolled back from has to
    prove itself anew, whatever came in between.
    """
    times = {found.name: found.stable_at for found in before.revisions if found.stable_at}
    if pin and pin.from_revision != stable:
        times.pop(pin.from_revision, None)
    if stable and (stable != before.stable_revision or stable not in times):
        times[stable] = now
    return times


def formerly_stable(status: Status) -> tuple[str, ...]:
    """Kept revisions that were stable once, the latest first."""
    times = {
        found.name: found.stable_at
        for found in status.revisions
        if found.stable_at is not None and found.name != status.stable_revision
    }
    return tuple(sorted(times, key=lambda name: times[name], reverse=True))
