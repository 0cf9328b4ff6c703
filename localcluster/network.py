"""Network namespaces, interfaces and routes, by iproute2."""

import json
from ipaddress import IPv4Network
from pathlib import Path

from localcluster.addresses import Block
from localcluster.shell import run, succeeds

NAMESPACES = Path("/run/netns")


def ip(*arguments: str) -> None:
    run(("ip", *arguments))


def make_namespace(name: str, block: Block) -> None:
    """A namespace that the host reaches by one link and that has no way out.

    The host sends every address of the block into it, so that the made-up addresses of fake pods
    never leave the machine.
    """
    host, inside = f"{block.host_end}/30", f"{block.namespace_end}/30"
    ip("netns", "add", name)
    ip("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
    ip("address", "add", host, "dev", name)
    ip("link", "set", name, "up")
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "address", "add", inside, "dev", "eth0")
    ip("-n", name, "link", "set", "eth0", "up")
    # One process on 0.0.0.0 answers for every fake pod.
    ip("-n", name, "route", "add", "local", str(block.pods), "dev", "lo")
    ip("-n", name, "route", "add", "unreachable", str(block.services))
    for network in (block.pods, block.services):
        ip("route", "add", str(network), "via", str(block.namespace_end), "dev", name)


def remove_namespace(name: str) -> None:
    succeeds(("ip", "link", "delete", name))
    succeeds(("ip", "netns", "delete", name))
    if not namespaces():
        # iproute2 mounts the folder of all namespaces on itself and leaves it so.
        succeeds(("umount", str(NAMESPACES)))
        succeeds(("rmdir", str(NAMESPACES)))


def in_namespace(name: str, argv: list[str]) -> list[str]:
    return ["ip", "netns", "exec", name, *argv]


def namespaces() -> set[str]:
    listed = run(("ip", "-json", "netns", "list"))
    return {str(entry["name"]) for entry in json.loads(listed or "[]")}


def make_bridge(name: str, block: Block) -> None:
    """The pods' bridge, which also takes what no Service rule translates."""
    ip("link", "add", name, "type", "bridge")
    ip("address", "add", f"{block.bridge}/{block.pods.prefixlen}", "dev", name)
    ip("link", "set", name, "up")
    route_to(block.services, name)


def route_to(network: IPv4Network, interface: str) -> None:
    ip("route", "replace", str(network), "dev", interface)


def interfaces() -> set[str]:
    return {str(link["ifname"]) for link in json.loads(run(("ip", "-json", "link", "show")))}
