"""What people and API keys may do, kept in memory as long as the tenant's access generation stays:
it changes with every user, role and key, and the directory asks for changes twice a second.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar
from uuid import UUID

from cms_service.core.caching.lru import keep
from cms_service.core.caching.single_flight import SingleFlight
from cms_service.tenants.schemas import TenantState

_MAX_KEPT = 10_000

Value = TypeVar("Value")
_Key = tuple[UUID, int, UUID]


class ByGeneration(Generic[Value]):
    """Bounded; what is read for a generation is never older than it."""

    def __init__(self, load: Callable[[UUID, UUID], Awaitable[Value | None]]) -> None:
        self._load = load
        self._kept: OrderedDict[_Key, Value | None] = OrderedDict()
        self._loads: SingleFlight[Value | None] = SingleFlight()

    async def get(self, tenant: TenantState, item_id: UUID) -> Value | None:
        key = (tenant.id, tenant.access_generation, item_id)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        value = await self._loads.run(key, lambda: self._load(tenant.id, item_id))
        keep(self._kept, key, value, _MAX_KEPT)
        return value
