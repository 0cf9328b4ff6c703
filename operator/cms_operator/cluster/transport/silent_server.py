"""A server that is lost says nothing, not even that it is gone: the kernel is to look for it while
there is nothing to tell. Else a watch would count as whole, and its events be missed, until it has
been silent for longer than any watch may be.
"""

import socket

import aiohttp

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


def look_for_silent_server(response: aiohttp.ClientResponse) -> None:
    """Let the kernel do so on the connection of an answer, unless that has ended already."""
    transport = response.connection and response.connection.transport
    if transport is None:
        return
    used = transport.get_extra_info("socket")
    used.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if hasattr(socket, name):
            used.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
