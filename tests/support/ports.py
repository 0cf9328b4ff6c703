"""Free ports of the loopback."""

import socket

# Bound until this process ends, and listening to nothing: no other process is given such a port,
# and a server, which may share an address (SO_REUSEADDR), takes it over. A port that was only
# looked at could be somebody else's by the time that a server has started, or started again.
_held: list[socket.socket] = []


def free_port() -> int:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port
