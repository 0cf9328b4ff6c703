"""Takes over the children of an earlier life: their contents stay, an owner is added."""

import logging

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.status import AdoptionStatus
from cms_operator.cluster.apply import Applier
from cms_operator.cluster.kinds import BY_NAME, JOB
from cms_operator.cluster.store import Key, Store
from cms_operator.resources import metadata
from cms_operator.rollout import adoption

log = logging.getLogger(__name__)


class Adoption:
    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store

    async def take_over(
        self, hcms: HeadlessCMS, before: AdoptionStatus | None
    ) -> AdoptionStatus | None:
        """Raises StaleReadError, ApiError."""
        asked = adoption.request(hcms, before)
        if asked is None:
            return before
        children = self._store.children(Key(hcms.namespace, hcms.name))
        taken = []
        for kind, known in adoption.orphans(hcms.name, children):
            # Of what is nobody's child the store does not keep all owners.
            found = await self._applier.read(
                BY_NAME[kind], hcms.namespace, known["metadata"]["name"]
            )
            if found and adoption.orphans(hcms.name, [(kind, found)]):
                await self._take(hcms, kind, found)
                taken.append((kind, found))
        return adoption.taking(before, asked, taken)

    async def _take(self, hcms: HeadlessCMS, kind: str, found: Object) -> None:
        """A Job runs once more: nobody knows any longer what it has reported."""
        log.info("%s %s is taken over", kind, found["metadata"]["name"])
        if kind == JOB.name:
            await self._applier.delete(JOB, found)
        else:
            await self._applier.own(BY_NAME[kind], found, metadata.owner(hcms))
