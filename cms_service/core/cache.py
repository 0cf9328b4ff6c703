"""Finished answers, in this process and in Redis. Keys hold the tenant and its generation: what a
write made old is never asked for again, and needs no removal.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from cms_service.core.metrics import Metrics
from cms_service.core.redis_store import RedisAwayError, RedisStore
from cms_service.core.single_flight import SingleFlight

_MEMORY_BYTES = 32 * 1024 * 1024
_OVERHEAD_BYTES = 512  # of one entry besides its body: key, etag, objects
_REDIS_SECONDS = 300


@dataclass(frozen=True, slots=True)
class CacheKey:
    tenant_id: UUID
    generation: int
    name: str

    def __str__(self) -> str:
        # The braces keep a tenant's keys in one slot of a Redis Cluster.
        return f"hcms:{{{self.tenant_id}}}:cache:{self.generation}:{self.name}"


@dataclass(frozen=True, slots=True)
class Body:
    content: bytes
    etag: bytes

    @classmethod
    def of(cls, content: bytes) -> "Body":
        return cls(content, b'"' + blake2b(content, digest_size=16).hexdigest().encode() + b'"')


class MemoryCache:
    """Least recently used goes first; bounded by bytes."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bodies: OrderedDict[CacheKey, Body] = OrderedDict()
        self.bytes_held = 0

    def get(self, key: CacheKey) -> Body | None:
        body = self._bodies.get(key)
        if body is not None:
            self._bodies.move_to_end(key)
        return body

    def put(self, key: CacheKey, body: Body) -> None:
        if _weight(body) > self._max_bytes:
            return
        if (old := self._bodies.pop(key, None)) is not None:
            self.bytes_held -= _weight(old)
        self._bodies[key] = body
        self.bytes_held += _weight(body)
        while self.bytes_held > self._max_bytes:
            _, evicted = self._bodies.popitem(last=False)
            self.bytes_held -= _weight(evicted)


def _weight(body: Body) -> int:
    return len(body.content) + _OVERHEAD_BYTES


class BodyCache:
    def __init__(self, redis: RedisStore, metrics: Metrics) -> None:
        self._memory = MemoryCache(_MEMORY_BYTES)
        self._redis = redis
        self._loads: SingleFlight[Body | None] = SingleFlight(metrics.cache_loads_joined.inc)
        metrics.cache_loads_running.set_function(lambda: len(self._loads))
        self._hits = {layer: metrics.cache_hits.labels(layer) for layer in ("memory", "redis")}
        self._misses = {layer: metrics.cache_misses.labels(layer) for layer in ("memory", "redis")}

    def peek(self, key: CacheKey) -> Body | None:
        body = self._memory.get(key)
        counter = self._misses if body is None else self._hits
        counter["memory"].inc()
        return body

    async def fill(self, key: CacheKey, load: Callable[[], Awaitable[bytes | None]]) -> Body | None:
        """For a key that `peek` did not find. What is not there (None) is not kept."""
        return await self._loads.run(str(key), lambda: self._fill(key, load))

    async def _fill(
        self, key: CacheKey, load: Callable[[], Awaitable[bytes | None]]
    ) -> Body | None:
        content = await self._from_redis(key)
        if content is None:
            content = await load()
            if content is None:
                return None
            await self._to_redis(key, content)
        body = Body.of(content)
        self._memory.put(key, body)
        return body

    async def _from_redis(self, key: CacheKey) -> bytes | None:
        try:
            content = await self._redis.get(str(key))
        except RedisAwayError:
            content = None
        counter = self._misses if content is None else self._hits
        counter["redis"].inc()
        return content

    async def _to_redis(self, key: CacheKey, content: bytes) -> None:
        try:
            await self._redis.set(str(key), content, _REDIS_SECONDS)
        except RedisAwayError:
            return
