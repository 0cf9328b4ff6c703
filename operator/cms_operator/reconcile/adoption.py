"""Takes over the children of an earlier life: their contents stay, an owner is added.

A restore from a backup, and a deletion that orphans, leave children without an owner. Nothing but
labels tells them from what somebody else has made, and anybody may write labels: so it is asked
for by an annotation, on its owner's word alone.
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.annotations import ADOPT, asked
from cms_operator.api.objects import Object
from cms_operator.api.status import AdoptionStatus
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import BY_NAME, JOB
from cms_operator.cluster.writing.apply import Applier
from cms_operator.resources import labels, metadata
from cms_operator.resources.child_names import is_childs
from cms_operator.rollout.transitions import stamp

log = logging.getLogger(__name__)

MOST_TOLD = 64


class Adoption:
    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store

    async def take_over(
        self, hcms: HeadlessCMS, before: AdoptionStatus | None
    ) -> AdoptionStatus | None:
        """Raises StaleReadError, ApiError."""
        wanted = request(hcms, before)
        if wanted is None:
            return before
        children = self._store.children(Key(hcms.namespace, hcms.name))
        taken = []
        for kind, known in orphans(hcms.name, children):
            # Of what is nobody's child the store does not keep all owners.
            found = await self._applier.read(
                BY_NAME[kind], hcms.namespace, known["metadata"]["name"]
            )
            if found and orphans(hcms.name, [(kind, found)]):
                await self._take(hcms, kind, found)
                taken.append((kind, found))
        return taking(before, wanted, taken)

    async def _take(self, hcms: HeadlessCMS, kind: str, found: Object) -> None:
        """A Job runs once more: nobody knows any longer what it has reported."""
        log.info("%s %s is taken over", kind, found["metadata"]["name"])
        if kind == JOB.name:
            await self._applier.delete(JOB, found)
        else:
            await self._applier.own(BY_NAME[kind], found, metadata.owner(hcms))


def request(hcms: HeadlessCMS, before: AdoptionStatus | None) -> str | None:
    """What is asked for and has not come to its end."""
    wanted = asked(hcms.metadata.annotations, ADOPT)
    over = before is not None and before.finished_at is not None and before.request == wanted
    return None if over else wanted or None


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
