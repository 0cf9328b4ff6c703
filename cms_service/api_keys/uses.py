"""When a key was last used, to the hour: one write for each key, pod and hour, and none that a
request waits for.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from uuid import UUID

from cms_service.core.caching.lru import keep
from cms_service.core.errors import Problem

_SECONDS = 3600.0
_MAX_KEYS = 10_000
_MAX_WRITES = 4


class KeyUses:
    def __init__(
        self, write: Callable[[UUID, UUID], Awaitable[None]], clock: Callable[[], float]
    ) -> None:
        self._write = write
        self._clock = clock
        self._noted: OrderedDict[UUID, float] = OrderedDict()
        self._writes: set[asyncio.Task[None]] = set()

    def note(self, tenant_id: UUID, key_id: UUID) -> None:
        now = self._clock()
        if now - self._noted.get(key_id, float("-inf")) < _SECONDS:
            return
        if len(self._writes) >= _MAX_WRITES:
            return  # one of the next requests will do
        keep(self._noted, key_id, now, _MAX_KEYS)
        task = asyncio.ensure_future(self._record(tenant_id, key_id))
        self._writes.add(task)
        task.add_done_callback(self._writes.discard)

    async def _record(self, tenant_id: UUID, key_id: UUID) -> None:
        try:
            await self._write(tenant_id, key_id)
        except Problem:  # the database is away
            self._noted.pop(key_id, None)

    async def close(self, seconds: float) -> None:
        """Lets what has begun end, within so long: the pool closes after it."""
        if self._writes:
            await asyncio.wait(self._writes, timeout=seconds)
