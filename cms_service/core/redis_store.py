"""Redis: shared by all pods, and losable."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis, SSLConnection
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError

from cms_service.core.credentials import CredentialSource, CredentialsUnavailableError
from cms_service.core.metrics import Metrics
from cms_service.core.redis_url import RedisUrl
from cms_service.core.settings import RedisMode

logger = logging.getLogger(__name__)

Result = TypeVar("Result")

_SECONDS = 0.5  # to connect, to answer, to get a free connection
_MAX_CONNECTIONS = 100
# After a failure nobody asks again for so long: a lost Redis must not cost each request a time-out.
_PAUSE_SECONDS = 1.0


class RedisAwayError(Exception):
    pass


class RedisStore:
    """`helpers` are clients that the client itself uses."""

    def __init__(
        self,
        client: Any,
        metrics: Metrics,
        clock: Callable[[], float],
        helpers: Sequence[Any] = (),
    ) -> None:
        self._client = client
        self._helpers = helpers
        self._metrics = metrics
        self._clock = clock
        self._ask_again_at = float("-inf")

    async def get(self, key: str) -> bytes | None:
        """Raises RedisAwayError, as all methods do."""
        value: bytes | None = await self._ask(lambda: self._client.get(key))
        return value

    async def set(self, key: str, value: bytes, seconds: int) -> None:
        await self._ask(lambda: self._client.set(key, value, ex=seconds))

    async def delete(self, key: str) -> None:
        await self._ask(lambda: self._client.delete(key))

    async def run_script(self, script: str, key: str, *args: str | int) -> Any:
        """One key, so that a cluster knows where to run it."""
        return await self._ask(lambda: self._client.eval(script, 1, key, *args))

    async def ping(self) -> None:
        """Asks even in the pause after a failure."""
        await self._try(self._client.ping)

    async def close(self) -> None:
        for client in (self._client, *self._helpers):
            await client.aclose()

    async def _ask(self, call: Callable[[], Awaitable[Result]]) -> Result:
        if self._clock() < self._ask_again_at:
            raise RedisAwayError
        return await self._try(call)

    async def _try(self, call: Callable[[], Awaitable[Result]]) -> Result:
        try:
            answer = await call()
        except (RedisError, OSError, TimeoutError, CredentialsUnavailableError) as error:
            self._ask_again_at = self._clock() + _PAUSE_SECONDS
            self._metrics.redis_up.set(0)
            logger.warning("Redis is away: %s", type(error).__name__)
            raise RedisAwayError from error
        self._ask_again_at = float("-inf")
        self._metrics.redis_up.set(1)
        return answer


class _Provider(CredentialProvider):
    def __init__(self, source: CredentialSource) -> None:
        self._source = source

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        credentials = self._source.current()
        if credentials.username:
            return credentials.username, credentials.password
        return (credentials.password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()


def open_store(
    url: RedisUrl,
    mode: RedisMode,
    sentinel_master: str,
    credentials: CredentialSource | None,
    metrics: Metrics,
) -> RedisStore:
    """Connects with the first use, not now."""
    options: dict[str, Any] = {
        "socket_connect_timeout": _SECONDS,
        "socket_timeout": _SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    if credentials is not None:
        options["credential_provider"] = _Provider(credentials)
    helpers: Sequence[Any] = ()
    if mode is RedisMode.CLUSTER:
        client = _cluster(url, options)
    elif mode is RedisMode.SENTINEL:
        client, helpers = _behind_sentinel(url, sentinel_master, options)
    else:
        client = _standalone(url, options)
    return RedisStore(client, metrics, time.monotonic, helpers)


def _standalone(url: RedisUrl, options: dict[str, Any]) -> Any:
    host, port = url.hosts[0]
    pool = BlockingConnectionPool(
        max_connections=_MAX_CONNECTIONS,
        timeout=_SECONDS,
        connection_class=SSLConnection if url.tls else Connection,
        host=host,
        port=port,
        db=url.database,
        **options,
    )
    return Redis.from_pool(pool)


def _behind_sentinel(
    url: RedisUrl, master: str, options: dict[str, Any]
) -> tuple[Any, Sequence[Any]]:
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis has no type for it
        list(url.hosts), db=url.database, ssl=url.tls, max_connections=_MAX_CONNECTIONS, **options
    )
    return sentinel.master_for(master), (sentinel,)


def _cluster(url: RedisUrl, options: dict[str, Any]) -> Any:
    nodes = [ClusterNode(host, port) for host, port in url.hosts]
    # A slot that has moved costs one more try.
    retrying = options | {"retry": Retry(NoBackoff(), 1)}
    return RedisCluster(
        startup_nodes=nodes, ssl=url.tls, max_connections=_MAX_CONNECTIONS, **retrying
    )
