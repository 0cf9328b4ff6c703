"""Finished answers, in this process and in Redis. Keys hold the tenant and its generation: what a
write made old is never taken for right again, and needs no removal.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from cms_service.core.caching.lru import Weighed
from cms_service.core.caching.shared_answers import SharedAnswers
from cms_service.core.caching.single_flight import SingleFlight
from cms_service.core.redis.store import RedisAwayError
from cms_service.core.telemetry.metrics import Metrics

_MEMORY_BYTES = 20 * 1024 * 1024
_OVERHEAD_BYTES = 512  # of one entry besides its body: key, etag, objects


class CacheKey(NamedTuple):
    tenant_id: UUID
    generation: int
    name: str

    def shared_by(self, release: str) -> str:
        """The key in Redis. What a release answers is its own: one that is taken back leaves
        nothing to the others.
        """
        # The braces keep a tenant's keys in one slot of a Redis Cluster.
        return f"hcms:{{{self.tenant_id}}}:cache:{release}:{self.generation}:{self.name}"


@dataclass(frozen=True, slots=True)
class Body:
    """`tags` name what it shows."""

    content: bytes
    etag: bytes
    tags: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, content: bytes, tags: tuple[bytes, ...] = ()) -> "Body":
        # Not blake2: processors have instructions for this one.
        etag = b'"' + sha256(content).hexdigest()[:32].encode() + b'"'
        return cls(content, etag, tags)


@dataclass(slots=True)
class _Held:
    """`right_at`: when the generation was known last to be the tenant's."""

    generation: int
    body: Body
    right_at: float


class MemoryCache:
    """Least recently used goes first; bounded by bytes. Of an answer's generations it holds the
    newest; where that is one of writes that were lost, the one that was right last.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held: Weighed[tuple[UUID, str], _Held] = Weighed(
            max_bytes, lambda held: _weight(held.body)
        )

    @property
    def bytes_held(self) -> int:
        return self._held.total

    def get(self, key: CacheKey) -> _Held | None:
        held = self._held.get((key.tenant_id, key.name))
        return None if held is None or held.generation != key.generation else held

    def last(self, key: CacheKey) -> _Held | None:
        """What is held, whatever its generation."""
        return self._held.peek((key.tenant_id, key.name))

    def put(self, key: CacheKey, body: Body, right_at: float) -> None:
        old = self.last(key)
        is_late = old and old.generation > key.generation and old.right_at >= right_at
        if _weight(body) > self._max_bytes or is_late:
            return
        self._held.put((key.tenant_id, key.name), _Held(key.generation, body, right_at))


def _weight(body: Body) -> int:
    return len(body.content) + sum(map(len, body.tags)) + _OVERHEAD_BYTES


class BodyCache:
    """`stale_seconds`: for how long an answer may be shown that is not known to be right."""

    def __init__(
        self,
        shared: SharedAnswers,
        metrics: Metrics,
        clock: Callable[[], float],
        release: str,
        stale_seconds: float,
    ) -> None:
        self._memory = MemoryCache(_MEMORY_BYTES)
        self._shared = shared
        self._clock = clock
        self._release = release
        self._stale_seconds = stale_seconds
        self._loads: SingleFlight[Body | None] = SingleFlight(metrics.cache_loads_joined.inc)
        metrics.cache_loads_running.set_function(lambda: len(self._loads))
        self._hits = {layer: metrics.cache_hits.labels(layer) for layer in ("memory", "redis")}
        self._misses = {layer: metrics.cache_misses.labels(layer) for layer in ("memory", "redis")}

    def peek(self, key: CacheKey, *, confirmed: bool) -> Body | None:
        """`confirmed`: the key's generation is the tenant's, and not only the last known."""
        held = self._memory.get(key)
        counter = self._misses if held is None else self._hits
        counter["memory"].inc()
        if held is None:
            return None
        if confirmed:
            held.right_at = self._clock()
        return held.body

    def last(self, key: CacheKey, promised: int) -> Body | None:
        """What may be shown when the right answer cannot be had: nothing older than the promised
        generation.
        """
        held = self._memory.last(key)
        if held is None or held.generation < promised:
            return None
        return held.body if self._clock() - held.right_at <= self._stale_seconds else None

    async def fill(
        self,
        key: CacheKey,
        load: Callable[[], Awaitable[bytes | None]],
        make: Callable[[bytes], Body] = Body.of,
    ) -> Body | None:
        """Loads what `peek` did not find. What is not there (None) is not kept."""
        return await self._loads.run(key, lambda: self._fill(key, load, make))

    async def _fill(
        self,
        key: CacheKey,
        load: Callable[[], Awaitable[bytes | None]],
        make: Callable[[bytes], Body],
    ) -> Body | None:
        began = self._clock()
        name = key.shared_by(self._release)
        content = await self._from_redis(key.tenant_id, name)
        if content is None:
            content = await load()
            if content is None:
                return None
            self._shared.put(key.tenant_id, name, content)
        body = make(content)
        self._memory.put(key, body, began)
        return body

    async def _from_redis(self, tenant_id: UUID, name: str) -> bytes | None:
        try:
            content = await self._shared.get(tenant_id, name)
        except RedisAwayError:
            content = None
        counter = self._misses if content is None else self._hits
        counter["redis"].inc()
        return content
