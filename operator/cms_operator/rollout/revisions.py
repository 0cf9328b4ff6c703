"""The revisions of a HeadlessCMS as people see them: which there are and which are kept."""

import re
from collections.abc import Mapping
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.status import MOST_REVISIONS, PinStatus, RevisionStatus, Status
from cms_operator.observed.family import Family, revision_of
from cms_operator.observed.snapshot import Snapshot
from cms_operator.resources.revision import Revision
from cms_operator.rollout.decide import Decision

_TAG = re.compile(r":(?P<tag>[\w][\w.-]{0,127})$", re.ASCII)
_DIGEST_LENGTH = 12


def version_of(image: str) -> str:
    """The tag of an image, its shortened digest, or what stands for neither: latest."""
    name, _, digest = image.partition("@")
    if found := _TAG.search(name.rpartition("/")[2]):
        return found["tag"]
    return digest.partition(":")[2][:_DIGEST_LENGTH] or "latest"


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


def revision_statuses(
    records: Mapping[str, Object],
    revisions: Mapping[str, Revision],
    snapshot: Snapshot,
    stable_since: Mapping[str, datetime],
) -> tuple[RevisionStatus, ...]:
    statuses = []
    for record in newest_first(records)[:MOST_REVISIONS]:
        name = revision_of(record)
        if name is None or name not in revisions:
            continue
        state = snapshot.revision(name)
        statuses.append(
            RevisionStatus(
                name=name,
                image=revisions[name].image,
                schema_version=snapshot.schemas.made_for.get(name),
                replicas=state.current,
                ready_replicas=state.ready,
                created_at=datetime.fromisoformat(record["metadata"]["creationTimestamp"]),
                stable_at=stable_since.get(name),
            )
        )
    return tuple(statuses)
