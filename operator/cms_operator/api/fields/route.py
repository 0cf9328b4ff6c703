"""Reaching the CMS by a host name: an Ingress or a Gateway API HTTPRoute."""

import re
from typing import ClassVar

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule, only_one_of
from cms_operator.api.types import Annotations, DnsLabel, HostName, ObjectName

_ADDRESS = "^[0-9]+([.][0-9]+){3}$"


class RouteTls(Model):
    secret_name: ObjectName
    """Secret of the type kubernetes.io/tls with the certificate for the host."""


class IngressRoute(Model):
    class_name: ObjectName | None = None
    """IngressClass to use (default: the cluster's)."""

    annotations: Annotations = Field(default_factory=dict)
    """Annotations for the Ingress."""


class GatewayRoute(Model):
    name: ObjectName
    """Name of the Gateway that shall carry the route."""

    namespace: DnsLabel | None = None
    """Namespace of the Gateway (default: that of the HeadlessCMS)."""

    section_name: ObjectName | None = None
    """Listener of the Gateway (default: all that fit)."""


class Route(Model):
    host: HostName
    """Host name, such as cms.example.com."""

    tls: RouteTls | None = None
    """Certificate of the Ingress. A Gateway has its certificates at its listeners."""

    ingress: IngressRoute | None = None
    """Makes an Ingress; excludes gateway."""

    gateway: GatewayRoute | None = None
    """Makes an HTTPRoute on a Gateway; excludes ingress."""

    rules: ClassVar[tuple[Rule, ...]] = (
        only_one_of("ingress", "gateway"),
        Rule(
            cel=f"!has(self.ingress) || !self.host.matches('{_ADDRESS}')",
            message="must be a host name, not an IP address",
            holds=lambda route: route.ingress is None or not re.fullmatch(_ADDRESS, route.host),
            field="host",
        ),
        Rule(
            cel="!has(self.tls) || !has(self.gateway)",
            message="is for an Ingress; a Gateway has its certificates at its listeners",
            holds=lambda route: route.tls is None or route.gateway is None,
            field="tls",
            reason="FieldValueForbidden",
        ),
    )
