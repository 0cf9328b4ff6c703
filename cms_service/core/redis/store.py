"""Redis: shared by all pods, and losable."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import OutOfMemoryError, RedisClusterException, RedisError

from cms_service.core.credentials.sources import CredentialsUnavailableError
from cms_service.core.redis.client import MAX_CONNECTIONS, WAIT_SECONDS, client_of
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED, Tracing

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

# A whole call, with what a client may do about a node that is lost.
_CALL_SECONDS = 2.0
# After a failure nobody asks again for so long: a lost Redis must not cost each request a time-out.
_PAUSE_SECONDS = 1.0
# A full Redis refuses each write: it is told of once in so long.
_TOLD_SECONDS = 60.0

_AWAY = (
    RedisError,
    RedisClusterException,  # which is none of them: no node of the cluster answers
    OSError,
    TimeoutError,
    CredentialsUnavailableError,
)
# When one command loses a node, redis-py's client of a cluster takes the connections from under the
# others, which then find no stream to write to. It does not try again, either, where uvloop knows
# a connection to be lost.
_CLUSTER_AWAY = (*_AWAY, AttributeError, RuntimeError)


class RedisAwayError(Exception):
    """Redis is away, or has no room for what is to be written."""


class RedisStore:
    """`helpers` are clients that the client itself uses."""

    def __init__(
        self,
        client: Any,
        metrics: Metrics,
        clock: Callable[[], float],
        helpers: Sequence[Any] = (),
        tracing: Tracing = UNTRACED,
    ) -> None:
        self._client = client
        self._helpers = helpers
        self._metrics = metrics
        self._seconds = metrics.redis_seconds
        self._clock = clock
        self.is_cluster = isinstance(client, RedisCluster)
        self._away = _CLUSTER_AWAY if self.is_cluster else _AWAY
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._used = 0
        self._waiting = 0
        metrics.redis_pool_size.set(MAX_CONNECTIONS)
        metrics.redis_pool_waiting.set_function(lambda: self._waiting)
        metrics.redis_pool_connections.labels("used").set_function(lambda: self._used)
        metrics.redis_pool_connections.labels("idle").set_function(lambda: _idle(client))
        self.span = tracing.client({"db.system.name": "redis"}, "db.operation.name")
        self._ask_again_at = float("-inf")
        self._tell_again_at = float("-inf")

    @classmethod
    def from_settings(
        cls,
        settings: ServeSettings,
        metrics: Metrics,
        tracing: Tracing,
        clock: Callable[[], float],
    ) -> Self:
        """Raises SettingsError. Connects with the first use, not now."""
        client, helpers = client_of(settings)
        return cls(client, metrics, clock, helpers, tracing)

    async def get(self, key: str) -> bytes | None:
        """Raises RedisAwayError, as all methods do."""
        value: bytes | None = await self._ask("GET", lambda: self._client.get(key))
        return value

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        await self._ask("SET", lambda: self._client.set(key, value, ex=seconds))

    async def set_many(self, values: Mapping[str, bytes], seconds: int) -> None:
        def send() -> Awaitable[Any]:
            pipeline = self._client.pipeline(transaction=False)
            for key, value in values.items():
                pipeline.execute_command("SET", key, value, "EX", seconds)
            sent: Awaitable[Any] = pipeline.execute()
            return sent

        await self._ask("SET", send)

    async def delete(self, key: str) -> None:
        await self._ask("DEL", lambda: self._client.delete(key))

    async def run_script(self, script: str, key: str, *args: str | int) -> Any:
        """Takes one key, so that a cluster knows where to run the script."""
        return await self.run_script_on([key], script, args)

    async def run_script_on(
        self, keys: Sequence[str], script: str, args: Iterable[str | int | bytes]
    ) -> Any:
        """The keys have to be on one node of a cluster."""
        return await self._ask("EVAL", lambda: self._client.eval(script, len(keys), *keys, *args))

    async def ping(self) -> None:
        """Asks even in the pause after a failure."""
        await self._try("PING", self._client.ping)

    async def close(self) -> None:
        """Waits for the calls that are under way, and lets none begin any more: a connection that
        is just being made would outlive its pool.
        """
        for _ in range(MAX_CONNECTIONS):
            await self._places.acquire()
        for client in (self._client, *self._helpers):
            await client.aclose()

    async def _ask(self, command: str, call: Callable[[], Awaitable[Result]]) -> Result:
        if self._clock() < self._ask_again_at:
            raise RedisAwayError
        return await self._try(command, call)

    async def _try(self, command: str, call: Callable[[], Awaitable[Result]]) -> Result:
        await self._take_place()
        started = time.perf_counter()
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                with self.span(command):
                    answer = await call()
        except OutOfMemoryError as error:
            self._tell_of_no_room()
            raise RedisAwayError from error
        except self._away as error:
            self._ask_again_at = self._clock() + _PAUSE_SECONDS
            self._metrics.redis_up.set(0)
            logger.warning("Redis is away: %s", type(error).__name__)
            raise RedisAwayError from error
        finally:
            self._used -= 1
            self._places.release()
            self._seconds.labels(command).observe(time.perf_counter() - started)
        self._ask_again_at = float("-inf")
        self._metrics.redis_up.set(1)
        return answer

    def _tell_of_no_room(self) -> None:
        now = self._clock()
        if now >= self._tell_again_at:
            self._tell_again_at = now + _TOLD_SECONDS
            logger.warning("Redis has no memory left, and refuses writes")

    async def _take_place(self) -> None:
        if self._places.locked():
            await self._wait_for_place()
        else:
            await self._places.acquire()
        self._used += 1

    async def _wait_for_place(self) -> None:
        """A full pool is not a lost Redis: the next one asks again at once."""
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._places.acquire()
        except TimeoutError:
            self._metrics.redis_pool_rejected.inc()
            raise RedisAwayError from None
        finally:
            self._waiting -= 1


def _idle(client: Any) -> int:
    """redis-py counts its connections for each pool; a cluster's nodes have none to ask."""
    if isinstance(client, RedisCluster):
        return sum(len(node._free) for node in client.get_nodes())  # noqa: SLF001 - as said
    idle: int = client.connection_pool.get_connection_count()[0][0]
    return idle
