"""When a key was used last is written behind the requests, and behind the end of a process."""

import asyncio
from uuid import UUID, uuid4

from cms_service.api_keys.uses import KeyUses


async def test_an_end_waits_for_what_has_begun_but_not_for_a_database_that_is_silent() -> None:
    written: list[UUID] = []
    quick, stuck = uuid4(), uuid4()

    async def write(_: UUID, key_id: UUID) -> None:
        await asyncio.sleep(0 if key_id == quick else 3600)
        written.append(key_id)

    uses = KeyUses(write, lambda: 0)
    uses.note(uuid4(), quick)
    await uses.close(60)
    assert written == [quick]
    uses.note(uuid4(), stuck)
    async with asyncio.timeout(20):
        await uses.close(0.01)
