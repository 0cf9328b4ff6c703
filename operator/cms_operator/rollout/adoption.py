"""Which objects of an earlier life a HeadlessCMS takes over, on its owner's word alone.

A restore from a backup, and a deletion that orphans, leave children without an owner. Nothing but
labels tells them from what somebody else has made, and anybody may write labels: so it is asked
for, by an annotation.
"""

from collections.abc import Iterable
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.status import AdoptionStatus
from cms_operator.resources import labels
from cms_operator.resources.child_names import is_childs
from cms_operator.rollout.transitions import stamp

ADOPT = "headlesscms.io/adopt"
MOST_TOLD = 64
_LONGEST_REQUEST = 256


def request(hcms: HeadlessCMS, before: AdoptionStatus | None) -> str | None:
    """What is asked for and has not come to its end."""
    asked = hcms.metadata.annotations.get(ADOPT, "")[:_LONGEST_REQUEST]
    over = before is not None and before.finished_at is not None and before.request == asked
    return None if over or not asked else asked


def orphans(name: str, children: Iterable[tuple[str, Object]]) -> list[tuple[str, Object]]:
    """Those without any controller that have our labels and a name that a child has."""
    return [(kind, found) for kind, found in children if _is_orphan(name, kind, found["metadata"])]


def _is_orphan(name: str, kind: str, metadata: Object) -> bool:
    ours = {labels.INSTANCE: name, labels.MANAGED_BY: labels.OPERATOR}
    return (
        ours.items() <= (metadata.get("labels") or {}).items()
        and not any(owner.get("controller") for owner in metadata.get("ownerReferences") or ())
        and not metadata.get("deletionTimestamp")
        and is_childs(name, kind, metadata["name"])
    )


def taking(
    before: AdoptionStatus | None, asked: str, taken: Iterable[tuple[str, Object]]
) -> AdoptionStatus:
    """It goes on, for what the watches have not shown yet and a restore has not brought."""
    known = before.objects if before and before.request == asked else ()
    new = tuple(f"{kind}/{found['metadata']['name']}" for kind, found in taken)
    return AdoptionStatus(request=asked, objects=(*known, *new)[:MOST_TOLD])


def finished(found: AdoptionStatus, now: datetime) -> AdoptionStatus:
    if found.finished_at is not None:
        return found
    return found.model_copy(update={"finished_at": stamp(now)})
