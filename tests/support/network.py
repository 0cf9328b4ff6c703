"""What NetworkPolicies let through, by the rules of the API: additive, and all or nothing for pods
that none selects.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Policy = Mapping[str, Any]
Peer = Mapping[str, Any]
NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Pod:
    namespace: str
    labels: Mapping[str, str]
    ports: Mapping[str, int] = field(default_factory=dict)
    address: str = "10.244.0.9"


@dataclass(frozen=True)
class Outside:
    """Something that is no pod of the cluster."""

    address: str


End = Pod | Outside


@dataclass(frozen=True)
class Network:
    """Namespaces have the label of their name, and those that are given."""

    policies: Sequence[Policy]
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def allows(self, source: End, target: End, port: int, protocol: str = "TCP") -> bool:
        """A connection from one end to a port of the other."""
        return self._passes("Egress", source, target, target, port, protocol) and self._passes(
            "Ingress", target, source, target, port, protocol
        )

    def _passes(  # noqa: PLR0913, PLR0917  - the parts of one connection
        self, direction: str, own: End, other: End, target: End, port: int, protocol: str
    ) -> bool:
        if not isinstance(own, Pod):
            return True
        selecting = [found for found in self.policies if _selects(found, own, direction)]
        peers, rules = ("to", "egress") if direction == "Egress" else ("from", "ingress")
        return not selecting or any(
            _is_port(rule.get("ports"), target, port, protocol)
            and self._is_peer(rule.get(peers), other, found["metadata"]["namespace"])
            for found in selecting
            for rule in found["spec"].get(rules) or ()
        )

    def _is_peer(self, peers: Sequence[Peer] | None, end: End, own: str) -> bool:
        return not peers or any(self._matches(peer, end, own) for peer in peers)

    def _matches(self, peer: Peer, end: End, own: str) -> bool:
        if block := peer.get("ipBlock"):
            address = ipaddress.ip_address(end.address)
            return _within(address, block["cidr"]) and not any(
                _within(address, part) for part in block.get("except", ())
            )
        if not isinstance(end, Pod):
            return False
        if "namespaceSelector" in peer:
            labels = {NAME: end.namespace, **self.namespaces.get(end.namespace, {})}
            if not selected(peer["namespaceSelector"], labels):
                return False
        elif end.namespace != own:
            return False
        return "podSelector" not in peer or selected(peer["podSelector"], end.labels)


def _selects(policy: Policy, pod: Pod, direction: str) -> bool:
    spec = policy["spec"]
    return (
        direction in spec["policyTypes"]
        and policy["metadata"]["namespace"] == pod.namespace
        and selected(spec["podSelector"], pod.labels)
    )


def selected(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return all(_holds(labels, *requirement) for requirement in _requirements(selector))


def _requirements(selector: Mapping[str, Any]) -> Iterator[tuple[str, str, Sequence[str]]]:
    for key, value in selector.get("matchLabels", {}).items():
        yield key, "In", [value]
    for found in selector.get("matchExpressions", ()):
        yield found["key"], found["operator"], found.get("values", [])


def _holds(labels: Mapping[str, str], key: str, operator: str, values: Sequence[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    raise ValueError(operator)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, block: str) -> bool:
    return address in ipaddress.ip_network(block)


def _is_port(
    ports: Sequence[Mapping[str, Any]] | None, target: End, port: int, protocol: str
) -> bool:
    return not ports or any(
        found.get("protocol", "TCP") == protocol
        and ("port" not in found or _number(found["port"], target) == port)
        for found in ports
    )


def _number(port: int | str, target: End) -> int | None:
    """A name is that of the pod's container."""
    if isinstance(port, int):
        return port
    return target.ports.get(port) if isinstance(target, Pod) else None
