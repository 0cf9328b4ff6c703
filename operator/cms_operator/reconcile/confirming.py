"""A live read before traffic or pods are taken away."""

from cms_operator.api.objects import Object
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import ENDPOINT_SLICE, HTTP_ROUTE, Kind
from cms_operator.cluster.writing.apply import Applier
from cms_operator.observability.measuring import phase
from cms_operator.reconcile.views import snapshot_of
from cms_operator.reconcile.work import Work, takes_anything_away
from cms_operator.resources import names
from cms_operator.rollout.confirmation import shifts
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision


class Confirmation:
    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store

    @phase("confirm")
    async def confirm(self, work: Work, decision: Decision) -> Decision:
        """Decide again on endpoints read just now, where traffic or pods would be taken away.

        They are read by name, which is cheap in a namespace of many: a slice that is not known
        yet would only show more endpoints. Raises ApiError.
        """
        if not takes_anything_away(work, decision) and not shifts(
            decision, snapshot_of(work).route
        ):
            return decision
        if decision.traffic is not None:
            await self._read_route(work)
        for known in work.family.slices:
            await self._read_again(ENDPOINT_SLICE, known)
        work.take_family(self._store)
        return decide(snapshot_of(work))

    async def _read_again(self, kind: Kind, known: Object) -> None:
        metadata = known["metadata"]
        if found := await self._applier.read(kind, metadata["namespace"], metadata["name"]):
            self._store.put(kind, found)
        else:
            self._store.discard(kind, known)

    async def _read_route(self, work: Work) -> None:
        namespace, name = work.hcms.namespace, names.route(work.hcms.name)
        if route := await self._applier.read(HTTP_ROUTE, namespace, name):
            self._store.put(HTTP_ROUTE, route)
