"""Definitions of types, for as long as nothing of their tenant changes."""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from uuid import UUID

from cms_service.content_types.schemas import ContentType
from cms_service.core.single_flight import SingleFlight
from cms_service.delivery.plan import types_to_expand
from cms_service.delivery.query import Query
from cms_service.delivery.repository import DeliveryRepository
from cms_service.tenants.schemas import TenantState

_MAX_HELD = 1000

_Key = tuple[UUID, int, str]
_Types = dict[str, ContentType]


class Definitions:
    def __init__(self, repository: DeliveryRepository) -> None:
        self._repository = repository
        self._held: OrderedDict[_Key, ContentType] = OrderedDict()
        self._loads: SingleFlight[_Types] = SingleFlight()

    async def needed(self, tenant: TenantState, type_name: str, query: Query) -> _Types:
        """The type, and those that its expanded references lead to; without those that are
        missing.
        """
        found = await self._get(tenant, {type_name})
        level: Iterable[ContentType] = found.values()
        for depth in range(max((len(path) for path in query.expand), default=0)):
            heads = {path[depth] for path in query.expand if len(path) > depth}
            names = types_to_expand(heads, level)
            more = await self._get(tenant, names)
            level = more.values()
            found = found | more
        return found

    async def _get(self, tenant: TenantState, names: Collection[str]) -> _Types:
        held = {}
        for name in names:
            key = (tenant.id, tenant.generation, name)
            if (known := self._held.get(key)) is not None:
                self._held.move_to_end(key)
                held[name] = known
        if missing := sorted(set(names) - held.keys()):
            held |= await self._loads.run(
                f"{tenant.id}/{tenant.generation}/{','.join(missing)}",
                lambda: self._load(tenant, missing),
            )
        return held

    async def _load(self, tenant: TenantState, names: list[str]) -> _Types:
        found = await self._repository.types(tenant, names)
        for name, content_type in found.items():
            self._held[tenant.id, tenant.generation, name] = content_type
        while len(self._held) > _MAX_HELD:
            self._held.popitem(last=False)
        return found
