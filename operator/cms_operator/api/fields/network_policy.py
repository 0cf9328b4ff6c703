"""Who may reach the pods."""

from ipaddress import ip_network
from typing import Annotated, Any, ClassVar

from pydantic import Field

from cms_operator.api.labels import LabelSelector
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule


def _is_cidr(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return "/" in text


Cidr = Annotated[
    str,
    Field(min_length=1, max_length=43),
    Rule(
        cel="isCIDR(self) && cidr(self) == cidr(self).masked()",
        message="must be a network such as 10.0.0.0/8",
        holds=_is_cidr,
    ),
]


def _parts_of_the_block(block: Any) -> bool:
    whole = ip_network(block.cidr)
    parts = [ip_network(part) for part in block.except_]
    return all(_is_part(part, whole) for part in parts)


def _is_part(part: Any, whole: Any) -> bool:
    return bool(part.version == whole.version and part != whole and part.subnet_of(whole))


class IpBlock(Model):
    cidr: Cidr
    """Network, such as 10.0.0.0/8."""

    except_: Annotated[tuple[Cidr, ...], Field(alias="except", max_length=20)] = ()
    """Networks within it that are left out."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.except) || !isCIDR(self.cidr) || self.except.all(part, !isCIDR(part) || "
                "(part != self.cidr && cidr(self.cidr).containsCIDR(part)))"
            ),
            message="must be parts of cidr",
            holds=_parts_of_the_block,
            field="except",
        ),
    )


def _is_block_or_selector(peer: Any) -> bool:
    selects = peer.namespace_selector is not None or peer.pod_selector is not None
    return selects != (peer.ip_block is not None)


class Peer(Model):
    namespace_selector: LabelSelector | None = None
    """Namespaces by their labels; {} is all."""

    pod_selector: LabelSelector | None = None
    """Pods by their labels, in those namespaces (default: that of the HeadlessCMS)."""

    ip_block: IpBlock | None = None
    """Addresses outside the cluster; excludes the selectors."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.ipBlock) != (has(self.namespaceSelector) || has(self.podSelector))",
            message="either ipBlock or selectors must be set",
            holds=_is_block_or_selector,
        ),
    )


class NetworkPolicy(Model):
    enabled: bool = True
    """false makes no NetworkPolicy (default true)."""

    allow_http_from: Annotated[tuple[Peer, ...], Field(min_length=1, max_length=20)] | None = None
    """Who may reach the API and the content beside the operator (default: everyone)."""

    allow_metrics_from: Annotated[tuple[Peer, ...], Field(max_length=20)] = ()
    """Who may read the admin port beside the operator, such as Prometheus (default: nobody)."""
