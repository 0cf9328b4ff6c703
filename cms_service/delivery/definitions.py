"""Definitions of types, for as long as no type of their tenant changes, nor its locales."""

from collections.abc import Collection, Iterable
from functools import partial
from uuid import UUID

from cms_service.content_types.schemas import ContentType
from cms_service.content_types.sizes import MAX_HELD_BYTES, size_of
from cms_service.core.caching.lru import Weighed
from cms_service.core.caching.single_flight import SingleFlight
from cms_service.core.errors import BadRequest
from cms_service.delivery.query.expansions import types_to_expand
from cms_service.delivery.query.grammar import Query
from cms_service.delivery.repository import DeliveryRepository
from cms_service.tenants.schemas import TenantState

# The definitions that one query may need, and how many are read at a time.
MAX_NEEDED_BYTES = 4 * MAX_HELD_BYTES
_TYPES_AT_ONCE = 20

_Key = tuple[UUID, int, str]
_Types = dict[str, ContentType]
_Paths = tuple[tuple[str, ...], ...]


class Definitions:
    def __init__(self, repository: DeliveryRepository) -> None:
        self._repository = repository
        self._held: Weighed[_Key, ContentType] = Weighed(
            MAX_HELD_BYTES, lambda held: size_of(held.fields)
        )
        # All that a query needs, by the types that it names.
        self._needed: Weighed[tuple[UUID, int, str, _Paths], _Types] = Weighed(
            MAX_HELD_BYTES, _size_of_all
        )
        self._loads: SingleFlight[_Types] = SingleFlight()

    async def needed(self, tenant: TenantState, type_name: str, query: Query) -> _Types:
        """The type, and those that its expanded references lead to; without those that are
        missing. Raises BadRequest where they are too large together.
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
            _check_size(found)
        return found

    async def _get(self, tenant: TenantState, names: Collection[str]) -> _Types:
        held = {}
        for name in names:
            key = (tenant.id, tenant.types_generation, name)
            if (known := self._held.get(key)) is not None:
                held[name] = known
        missing = sorted(set(names) - held.keys())
        for start in range(0, len(missing), _TYPES_AT_ONCE):
            part = missing[start : start + _TYPES_AT_ONCE]
            held |= await self._loads.run(
                (tenant.id, tenant.types_generation, *part),
                partial(self._load, tenant, part),
            )
            _check_size(held)
        return held

    async def _load(self, tenant: TenantState, names: list[str]) -> _Types:
        # What has reached the tenant's generation has reached its types': one row holds both.
        found = await self._repository.types(tenant, names)
        for name, content_type in found.items():
            self._held.put((tenant.id, tenant.types_generation, name), content_type)
        return found


def _size_of_all(types: _Types) -> int:
    return sum(size_of(each.fields) for each in types.values())


def _check_size(types: _Types) -> None:
    if len(types) > 1 and _size_of_all(types) > MAX_NEEDED_BYTES:
        raise BadRequest(
            f"The types that this leads to have definitions of more than {MAX_NEEDED_BYTES:,} bytes"
            " together: expand less."
        )
