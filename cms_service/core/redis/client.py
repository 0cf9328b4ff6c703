"""redis-py's clients: of one server, behind Sentinel, of a cluster."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelManagedConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from cms_service.core.credentials.place import REDIS_PORT, SENTINEL_PORT
from cms_service.core.credentials.sources import CredentialSource, fixed
from cms_service.core.credentials.url_file import from_url_file
from cms_service.core.redis.tls import SentinelTlsConnection, TlsConnection
from cms_service.core.settings.loading import SettingsError
from cms_service.core.settings.redis_url import RedisUrl, parse_redis_url
from cms_service.core.settings.serve import RedisMode, ServeSettings

WAIT_SECONDS = 0.5  # to connect, to answer, to get a free connection
MAX_CONNECTIONS = 100


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


def client_of(settings: ServeSettings) -> tuple[Any, Sequence[Any]]:
    """The client, and the clients that it uses itself. It connects with the first use, not now.
    Raises SettingsError.
    """
    try:
        url = parse_redis_url(settings.redis_url.get_secret_value())
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from None
    credentials = _credentials(settings, url)
    if settings.redis_ca_file is not None and not url.tls:
        raise SettingsError("REDIS_CA_FILE: needs a REDIS_URL that begins with rediss://")
    options: dict[str, Any] = {
        "socket_connect_timeout": WAIT_SECONDS,
        "socket_timeout": WAIT_SECONDS,
        # Nothing is sent twice but what could not be sent at all: uvloop knows a connection to be
        # lost that was closed while nobody used it.
        "retry": Retry(NoBackoff(), 1, (RuntimeError,)),  # type: ignore[arg-type]
    }
    if credentials is not None:
        options["credential_provider"] = _Provider(credentials)
    if settings.redis_ca_file is not None:
        options["ssl_ca_certs"] = str(settings.redis_ca_file)
    if settings.redis_mode is RedisMode.CLUSTER:
        return _cluster(url, options), ()
    if settings.redis_mode is RedisMode.SENTINEL:
        return _behind_sentinel(url, settings.redis_sentinel_master, options)
    return _standalone(url, options), ()


def _credentials(settings: ServeSettings, url: RedisUrl) -> CredentialSource | None:
    if settings.redis_credentials_url_file is not None:
        return from_url_file(
            settings.redis_credentials_url_file,
            settings.redis_url.get_secret_value().strip(),
            SENTINEL_PORT if settings.redis_mode is RedisMode.SENTINEL else REDIS_PORT,
        )
    return fixed(url.credentials) if url.credentials else None


def _standalone(url: RedisUrl, options: dict[str, Any]) -> Any:
    host, port = url.hosts[0]
    pool = BlockingConnectionPool(
        max_connections=MAX_CONNECTIONS,
        timeout=WAIT_SECONDS,
        connection_class=TlsConnection if url.tls else Connection,
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
        list(url.hosts),
        # Asked once, as another one knows as much: redis-py asks ten times. They want no password.
        sentinel_kwargs={**options, "credential_provider": None},
        db=url.database,
        connection_class=SentinelTlsConnection if url.tls else SentinelManagedConnection,
        max_connections=MAX_CONNECTIONS,
        **options,
    )
    if url.tls:
        # Sentinel would ask them in the clear otherwise.
        for each in sentinel.sentinels:
            each.connection_pool.connection_class = TlsConnection
            if authority := options.get("ssl_ca_certs"):
                each.connection_pool.connection_kwargs["ssl_ca_certs"] = authority
    return sentinel.master_for(master), (sentinel,)


def _cluster(url: RedisUrl, options: dict[str, Any]) -> Any:
    nodes = [ClusterNode(host, port) for host, port in url.hosts]
    # A slot that has moved costs one more try.
    retrying = options | {"retry": Retry(NoBackoff(), 1)}
    cluster = RedisCluster(
        startup_nodes=nodes, ssl=url.tls, max_connections=MAX_CONNECTIONS, **retrying
    )
    if url.tls:
        cluster.connection_kwargs["connection_class"] = TlsConnection
        for node in cluster.startup_nodes:
            node.connection_class = TlsConnection
    return cluster
