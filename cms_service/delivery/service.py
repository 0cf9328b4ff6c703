from collections.abc import Awaitable, Callable, Collection
from enum import Enum, auto
from typing import NamedTuple
from uuid import UUID

import orjson

from cms_service.core.caching.body_cache import Body, BodyCache, CacheKey
from cms_service.core.errors import NotFound, Unavailable
from cms_service.core.ids import is_uuid
from cms_service.delivery.definitions import Definitions
from cms_service.delivery.prepared import Prepared
from cms_service.delivery.query import cursors
from cms_service.delivery.query.grammar import Query
from cms_service.delivery.repository import DeliveryRepository, TypesChangedError
from cms_service.delivery.tags import tags_of
from cms_service.tenants.directory import Lookup
from cms_service.tenants.schemas import DeliveryAccess, TenantState


class Source(Enum):
    HIT = auto()
    MISS = auto()
    STALE = auto()


class Answer(NamedTuple):
    body: Body
    source: Source


class DeliveryService:
    def __init__(
        self, repository: DeliveryRepository, definitions: Definitions, cache: BodyCache
    ) -> None:
        self._repository = repository
        self._definitions = definitions
        self._cache = cache
        self._prepared = Prepared(definitions)

    def at_hand(self, lookup: Lookup, key: CacheKey) -> Body | None:
        """What this process holds and is right, as far as is known."""
        return self._cache.peek(key, confirmed=not lookup.stale)

    async def types_shown(
        self, tenant: TenantState, type_name: str, query: Query
    ) -> Collection[str]:
        return (await self._definitions.needed(tenant, type_name, query)).keys()

    async def entry(
        self, tenant: TenantState, type_name: str, slug_or_id: str, query: Query, promised: int
    ) -> Answer:
        """Raises NotFound. `promised`: the generation that the reader is owed."""
        place = UUID(slug_or_id) if is_uuid(slug_or_id) else slug_or_id

        async def load() -> bytes | None:
            statement = await self._prepared.entry(tenant, type_name, query)
            if statement is None:
                return None
            return await self._repository.entry(tenant, statement, place)

        key = entry_key(tenant, type_name, slug_or_id, query)
        return await self._load(tenant, key, load, promised)

    async def page(
        self, tenant: TenantState, type_name: str, query: Query, promised: int
    ) -> Answer:
        async def load() -> bytes | None:
            page = await self._prepared.page(tenant, type_name, query)
            if page is None:
                return None
            found = await self._repository.page(tenant, page.sql)
            if found is None:
                return None
            more = found.place and cursors.encode(found.place, query, page.plan.type_id)
            return b'{"items":[%b],"nextCursor":%b}' % (found.json, orjson.dumps(more))

        return await self._load(tenant, list_key(tenant, type_name, query), load, promised)

    async def _load(
        self,
        tenant: TenantState,
        key: CacheKey,
        load: Callable[[], Awaitable[bytes | None]],
        promised: int,
    ) -> Answer:
        type_name = key.name.partition("?")[0].partition("/")[0]
        try:
            body = await self._cache.fill(
                key, load, lambda content: _body(content, tenant, type_name)
            )
        except TypesChangedError:
            raise
        except Unavailable:
            last = self._cache.last(key, promised)
            if last is None:
                raise
            return Answer(last, Source.STALE)
        if body is None:
            raise NotFound("There is nothing published here.")
        return Answer(body, Source.MISS)


def _body(content: bytes, tenant: TenantState, type_name: str) -> Body:
    """Networks in between are told what only a public answer shows."""
    if tenant.delivery_access is DeliveryAccess.PRIVATE:
        return Body.of(content)
    return Body.of(content, tags_of(content, tenant.name, type_name))


def entry_key(tenant: TenantState, type_name: str, slug_or_id: str, query: Query) -> CacheKey:
    asked = f"?{query.key}" if query.asks_for_something else ""
    return CacheKey(tenant.id, tenant.generation, f"{type_name}/{slug_or_id}{asked}")


def list_key(tenant: TenantState, type_name: str, query: Query) -> CacheKey:
    return CacheKey(tenant.id, tenant.generation, f"{type_name}?{query.key}")
