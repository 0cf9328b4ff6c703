"""Addresses of the loopback, and free ports of it."""

import socket

# Bound until this process ends, and listening to nothing: no other process is given such a port,
# and a server, which may share an address (SO_REUSEADDR), takes it over. A port that was only
# looked at could be somebody else's by the time that a server has started, or started again.
_held: list[socket.socket] = []


def loopbacks() -> list[str]:
    """The address of IPv4 and, where this machine has it, that of IPv6."""
    return [address for address in ("127.0.0.1", "::1") if _is_there(address)]


def _is_there(address: str) -> bool:
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def free_port() -> int:
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    _held.append(holder)
    port: int = holder.getsockname()[1]
    return port
