"""What serving pods say of themselves, read from their admin port."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import aiohttp
import orjson

MAX_BYTES = 64 * 1024
ANSWER_SECONDS = 2.0
AT_ONCE = 16


class Target(NamedTuple):
    """The admin port of a pod."""

    address: str
    port: int


class PodReader:
    """Reads pods with a bounded number of connections, answer size and time."""

    def __init__(self) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
            connector=aiohttp.TCPConnector(limit=AT_ONCE, force_close=True),
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    async def key_generations(self, targets: Sequence[Target]) -> tuple[int, ...]:
        """The generation of the JWT keys that each pod uses; 0 where it gives no answer."""
        answers = await asyncio.gather(*(self._status(target) for target in targets))
        return tuple(_generation(answer) for answer in answers)

    async def _status(self, target: Target) -> Mapping[str, object]:
        host = f"[{target.address}]" if ":" in target.address else target.address
        try:
            async with self._session.get(
                f"http://{host}:{target.port}/statusz", allow_redirects=False
            ) as response:
                answer = orjson.loads(await response.content.read(MAX_BYTES))
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            return {}
        return answer if isinstance(answer, dict) else {}


def _generation(answer: Mapping[str, object]) -> int:
    value = answer.get("jwtKeysGeneration")
    return value if isinstance(value, int) else 0
