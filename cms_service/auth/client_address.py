"""Where a request comes from. What a client says of itself counts for nothing; what a trusted proxy
says of its client does.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from cms_service.core.settings.networks import Network

Address = IPv4Address | IPv6Address
_UNKNOWN = "unknown"
# One subscriber has at least so much of IPv6 (RFC 6177).
_IPV6_PREFIX = 64


def client_network(peer: str, forwarded_for: Iterable[str], trusted: Sequence[Network]) -> str:
    """The client's address, or its network in IPv6. `forwarded_for`: the values of X-Forwarded-For,
    read from the end as far as each speaker is trusted.
    """
    client = _parse(peer)
    if client is None:
        return _UNKNOWN
    hops = [hop for value in forwarded_for for hop in value.split(",")]
    while hops and _is_trusted(client, trusted):
        before = _parse(hops.pop().strip())
        if before is None:
            break
        client = before
    if isinstance(client, IPv6Address):
        return str(IPv6Network((client, _IPV6_PREFIX), strict=False))
    return str(client)


def _parse(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)
