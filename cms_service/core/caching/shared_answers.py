"""The layer of the cache that all pods share, in Redis. What requests look for at one moment goes
out together, in one call, and what they leave for others goes along, behind their own answers.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from cms_service.core.redis.store import RedisAwayError, RedisStore

KEPT_SECONDS = 300
_MAX_READS = 200  # in one call
_MAX_WRITTEN_BYTES = 1024 * 1024
# More than this does not wait to be written: the others have to make it themselves.
_MAX_WAITING_BYTES = 8 * 1024 * 1024

# Scripts are handed copies of their values: larger ones go by themselves.
_LARGE_BYTES = 16 * 1024

# A Redis that is full is still read.
_EXCHANGE = """
local writes = tonumber(ARGV[2])
for n = 1, writes do
  redis.pcall('SET', KEYS[n], ARGV[n + 2], 'EX', ARGV[1])
end
if #KEYS == writes then return {} end
return redis.call('MGET', unpack(KEYS, writes + 1))
"""

_Read = tuple[str, "asyncio.Future[bytes | None]"]


@dataclass(slots=True)
class _Talk:
    """What is to be said to one server of Redis. In a cluster only a tenant's keys are known to be
    together.
    """

    reads: list[_Read] = field(default_factory=list)
    writes: dict[str, bytes] = field(default_factory=dict)

    def next_reads(self) -> list[_Read]:
        taken, self.reads = self.reads[:_MAX_READS], self.reads[_MAX_READS:]
        return taken

    def next_writes(self) -> dict[str, bytes]:
        taken: dict[str, bytes] = {}
        size = 0
        while self.writes and (not taken or size < _MAX_WRITTEN_BYTES):
            key = next(islice(self.writes, 1))
            taken[key] = self.writes.pop(key)
            size += len(taken[key])
        return taken


class SharedAnswers:
    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis
        self._talks: dict[UUID | None, _Talk] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0

    async def get(self, tenant_id: UUID, key: str) -> bytes | None:
        """Raises RedisAwayError."""
        found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._talk(tenant_id).reads.append((key, found))
        with self._redis.span("MGET"):
            return await found

    def put(self, tenant_id: UUID, key: str, content: bytes) -> None:
        """Later, and only where Redis is there."""
        writes = self._talk(tenant_id).writes
        if key not in writes and self._waiting_bytes + len(content) <= _MAX_WAITING_BYTES:
            self._waiting_bytes += len(content)
            writes[key] = content

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)

    def _talk(self, tenant_id: UUID) -> _Talk:
        partner = tenant_id if self._redis.is_cluster else None
        talk = self._talks.get(partner)
        if talk is None:
            talk = self._talks[partner] = _Talk()
            # It serves several requests, and belongs to the trace of none.
            task = asyncio.get_running_loop().create_task(
                self._go_on(partner, talk), context=Context()
            )
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return talk

    async def _go_on(self, partner: UUID | None, talk: _Talk) -> None:
        try:
            while talk.reads or talk.writes:
                await self._exchange(talk.next_reads(), talk.next_writes())
        finally:
            del self._talks[partner]
            _refuse(talk.reads, RedisAwayError("the exchange has ended"))

    async def _exchange(self, reads: Sequence[_Read], writes: dict[str, bytes]) -> None:
        large = {key: content for key, content in writes.items() if len(content) > _LARGE_BYTES}
        small = {key: content for key, content in writes.items() if key not in large}
        if reads or small:
            await self._exchange_small(reads, small)
        if large:
            with contextlib.suppress(RedisAwayError):
                await self._redis.set_many(large, KEPT_SECONDS)
        self._waiting_bytes -= sum(map(len, writes.values()))

    async def _exchange_small(self, reads: Sequence[_Read], writes: dict[str, bytes]) -> None:
        try:
            found = await self._redis.run_script_on(
                [*writes, *(key for key, _ in reads)],
                _EXCHANGE,
                (KEPT_SECONDS, len(writes), *writes.values()),
            )
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it, whatever it is
            _refuse(reads, error)
        else:
            for (_, waiting), content in zip(reads, found, strict=True):
                if not waiting.done():
                    waiting.set_result(content)


def _refuse(reads: Sequence[_Read], error: Exception) -> None:
    for _, waiting in reads:
        if not waiting.done():
            waiting.set_exception(error)
