"""Connections of aiohttp on uvloop, by sockets of our own.

A server that is lost says nothing, not even that it is gone: the kernel is to look for it while
there is nothing to tell. Else a watch would count as whole, and its events be missed, until it has
been silent for longer than any watch may be.

And where a connection is reset while uvloop (0.23) takes over its socket, uvloop closes the
descriptor and does not tell the socket. Collected later the socket would close it once more, and
by then it is another connection's: a watch that hears nothing any more, a renewal of the Lease that
fails. https://github.com/MagicStack/uvloop/issues/738 tells of the same where it is cancelled.
"""

import socket
from typing import Any

import aiohttp
from aiohttp.connector import AddrInfoType

# After 40 s without a sign of life the connection breaks off; about as soon as client-go's do.
QUIET_SECONDS = 20
PROBE_SECONDS = 5
PROBES = 4
# Not every system has all of them.
_OPTIONS = {
    "TCP_KEEPIDLE": QUIET_SECONDS,
    "TCP_KEEPINTVL": PROBE_SECONDS,
    "TCP_KEEPCNT": PROBES,
}


class _HandedOver(socket.socket):
    """Who connects it closes it; its own end closes nothing."""

    def __del__(self) -> None:
        self.detach()


def connector(**options: Any) -> aiohttp.TCPConnector:
    """`options` are those of aiohttp.TCPConnector."""
    return aiohttp.TCPConnector(socket_factory=_made, **options)


def _made(address: AddrInfoType) -> socket.socket:
    family, kind, protocol = address[:3]
    made = _HandedOver(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
