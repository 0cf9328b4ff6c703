"""Which private addresses a cluster uses: none that this machine knows already.

A block of a /14 is one cluster: the real node has the first, control planes without a node the
others.
"""

import ipaddress
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from pathlib import Path

from localcluster.errors import ClusterError
from localcluster.shell import run

CANDIDATES = tuple(
    map(IPv4Network, ("10.216.0.0/14", "10.164.0.0/14", "172.24.0.0/14", "10.92.0.0/14"))
)
BLOCK_PREFIX = 18
NODE_BLOCK = 0
CONTROL_PLANE_BLOCKS = range(1, 16)
# Interfaces of ours carry this prefix; their routes do not count as taken.
INTERFACE_PREFIX = "hcms"
RESOLVERS = Path("/etc/resolv.conf")


@dataclass(frozen=True)
class Block:
    """One cluster's addresses."""

    network: IPv4Network

    @property
    def services(self) -> IPv4Network:
        """The larger part: of fake pods, which nobody has to reach, there may be more than here are
        addresses.
        """
        return next(self.network.subnets(new_prefix=19))

    @property
    def pods(self) -> IPv4Network:
        return list(self.network.subnets(new_prefix=20))[2]

    @property
    def link(self) -> IPv4Network:
        """Joins the host and a network namespace."""
        return next(list(self.network.subnets(new_prefix=20))[3].subnets(new_prefix=30))

    @property
    def host_end(self) -> IPv4Address:
        return self.link[1]

    @property
    def namespace_end(self) -> IPv4Address:
        return self.link[2]

    @property
    def bridge(self) -> IPv4Address:
        """The node's own address among its pods."""
        return self.pods[1]

    @property
    def cluster_dns(self) -> IPv4Address:
        return self.services[10]

    @property
    def api_service(self) -> IPv4Address:
        return self.services[1]


def blocks(taken: Iterable[IPv4Network]) -> Sequence[Block]:
    """The blocks of the first candidate range that overlaps nothing in use."""
    used = list(taken)
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(network) for network in used):
            count = CONTROL_PLANE_BLOCKS.stop
            return [Block(n) for n in islice(candidate.subnets(new_prefix=BLOCK_PREFIX), count)]
    raise ClusterError(
        "every private range that the cluster could use overlaps a route of this machine",
        cure="remove a route to one of " + ", ".join(map(str, CANDIDATES)),
    )


def block(number: int) -> Block:
    return blocks([*routed_networks(), *resolvers(RESOLVERS.read_text())])[number]


def routed_networks() -> list[IPv4Network]:
    return foreign_routes(json.loads(run(("ip", "-json", "route", "show", "table", "all"))))


def foreign_routes(routes: Iterable[dict[str, object]]) -> list[IPv4Network]:
    networks = []
    for route in routes:
        destination = str(route.get("dst", "default"))
        ours = str(route.get("dev", "")).startswith(INTERFACE_PREFIX)
        if not ours and destination != "default" and ":" not in destination:
            networks.append(IPv4Network(destination, strict=False))
    return networks


def resolvers(text: str) -> list[IPv4Network]:
    """The name servers' addresses: reached by the default route, so no route shows them."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
            found.append(IPv4Network(ipaddress.ip_address(words[1])))
    return found
