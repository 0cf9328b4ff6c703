from collections.abc import Awaitable, Callable
from uuid import UUID

import orjson

from cms_service.core.cache import Body, BodyCache, CacheKey
from cms_service.core.cursor import Cursor
from cms_service.core.ids import is_uuid
from cms_service.delivery.repository import DeliveryRepository
from cms_service.tenants.schemas import TenantState


class DeliveryService:
    def __init__(self, repository: DeliveryRepository, cache: BodyCache) -> None:
        self._repository = repository
        self._cache = cache

    async def entry(
        self, tenant: TenantState, type_name: str, slug_or_id: str
    ) -> tuple[Body | None, bool]:
        """The answer's body, and whether it was at hand in this process."""

        async def load() -> bytes | None:
            if is_uuid(slug_or_id):
                found = await self._repository.by_id(tenant, type_name, UUID(slug_or_id))
            else:
                found = await self._repository.by_slug(tenant, type_name, slug_or_id)
            return None if found is None else found.encode()

        return await self._cached(tenant, f"{type_name}/{slug_or_id}", load)

    async def page(
        self, tenant: TenantState, type_name: str, limit: int, after: Cursor | None
    ) -> tuple[Body | None, bool]:
        async def load() -> bytes | None:
            found = await self._repository.page(tenant, type_name, limit, after)
            if found is None:
                return None
            next_cursor = orjson.dumps(found.next.encode() if found.next else None)
            return b'{"items":%b,"nextCursor":%b}' % (found.json.encode(), next_cursor)

        place = after.encode() if after else ""
        return await self._cached(tenant, f"{type_name}?{limit}&{place}", load)

    async def _cached(
        self, tenant: TenantState, name: str, load: Callable[[], Awaitable[bytes | None]]
    ) -> tuple[Body | None, bool]:
        key = CacheKey(tenant.id, tenant.generation, name)
        body = self._cache.peek(key)
        if body is not None:
            return body, True
        return await self._cache.fill(key, load), False
