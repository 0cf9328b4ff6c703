"""A server that is lost says nothing, not even that it is gone. What PostgreSQL is told about pods
the kernel is told here about PostgreSQL.
"""

import asyncio
import socket
from typing import Any

import asyncpg

from cms_service.core.postgres.session_settings import (
    PROBE_SECONDS,
    PROBES,
    QUIET_SECONDS,
    UNANSWERED_SECONDS,
)

_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, QUIET_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, PROBE_SECONDS),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, PROBES),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNANSWERED_SECONDS * 1000),
)


class WatchedConnection(asyncpg.Connection):
    """Is closed when the server has been silent for a minute, also while nobody uses it."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *others: Any) -> None:
        made = transport.get_extra_info("socket")
        if made.family != socket.AF_UNIX:
            for option in _OPTIONS:
                made.setsockopt(*option)
        super().__init__(protocol, transport, *others)
