"""Definitions of types, for as long as no type of their tenant changes, nor its locales."""

from collections.abc import Collection, Iterable
from uuid import UUID

from cms_service.content_types.fields.component import total
from cms_service.content_types.schemas import ContentType
from cms_service.core.recent import Weighed
from cms_service.core.single_flight import SingleFlight
from cms_service.delivery.plan import types_to_expand
from cms_service.delivery.query import Query
from cms_service.delivery.repository import DeliveryRepository
from cms_service.tenants.schemas import TenantState

# Of types, and once more of what forms of questions need; a field takes some kilobyte.
_MAX_FIELDS = 15_000

_Key = tuple[UUID, int, str]
_Types = dict[str, ContentType]
_Paths = tuple[tuple[str, ...], ...]


class Definitions:
    def __init__(self, repository: DeliveryRepository) -> None:
        self._repository = repository
        self._held: Weighed[_Key, ContentType] = Weighed(_MAX_FIELDS, _weight)
        self._needed: Weighed[tuple[UUID, int, str, _Paths], _Types] = Weighed(
            _MAX_FIELDS, lambda types: sum(map(_weight, types.values()))
        )
        self._loads: SingleFlight[_Types] = SingleFlight()

    async def needed(self, tenant: TenantState, type_name: str, query: Query) -> _Types:
        """The type, and those that its expanded references lead to; without those that are
        missing.
        """
        key = (tenant.id, tenant.types_generation, type_name, query.expand)
        found = self._needed.get(key)
        if found is None:
            found = await self._find(tenant, type_name, query)
            if type_name in found:  # of names that nobody has there are many
                self._needed.put(key, found)
        return found

    async def _find(self, tenant: TenantState, type_name: str, query: Query) -> _Types:
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
            key = (tenant.id, tenant.types_generation, name)
            if (known := self._held.get(key)) is not None:
                held[name] = known
        if missing := sorted(set(names) - held.keys()):
            held |= await self._loads.run(
                (tenant.id, tenant.types_generation, *missing),
                lambda: self._load(tenant, missing),
            )
        return held

    async def _load(self, tenant: TenantState, names: list[str]) -> _Types:
        # What has reached the tenant's generation has reached its types': one row holds both.
        found = await self._repository.types(tenant, names)
        for name, content_type in found.items():
            self._held.put((tenant.id, tenant.types_generation, name), content_type)
        return found


def _weight(content_type: ContentType) -> int:
    return 1 + total(content_type.fields)
