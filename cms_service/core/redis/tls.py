"""Connections to Redis that check the server's certificate and its name."""

import ssl
from typing import Any

from redis.asyncio import SSLConnection
from redis.asyncio.connection import RedisSSLContext
from redis.asyncio.sentinel import SentinelManagedConnection


class _Trust(RedisSSLContext):
    """Reads the authority's file for each connection: it is renewed while the process runs.

    redis-py keeps what it has read first, and trusts the system's authorities besides.
    """

    def get(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_certs)


class TlsConnection(SSLConnection):
    """Trusts the authority in `ssl_ca_certs` alone where it is given, else the system's."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        if self.ca_certs is not None:
            self.ssl_context = _Trust(ca_certs=self.ca_certs)


class SentinelTlsConnection(SentinelManagedConnection, TlsConnection):
    """Connects to the master that the sentinels name."""
