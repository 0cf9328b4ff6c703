"""The addresses of Services as the API server tells them, in place of DNS.

The owner of a HeadlessCMS names a Service, and the operator asks it from where it stands. To DNS a
Service may be an alias (ExternalName) for any name: of another namespace, of a cloud's metadata
server, of this machine. Its cluster IP is the API server's choice and leads to its endpoints: pods
of its own namespace where it has a selector, else whatever address somebody has written into its
EndpointSlices, a right that Kubernetes' roles edit and admin do not have.
"""

import ipaddress
import socket
from collections.abc import Awaitable, Callable

from aiohttp.abc import AbstractResolver, ResolveResult

from cms_operator.api.objects import Object
from cms_operator.cluster.kinds import SERVICE
from cms_operator.cluster.transport.api_error import NO_ANSWER, ApiError
from cms_operator.cluster.transport.client import KubernetesClient

_SUFFIX = "svc"

Look = Callable[[str, str], Awaitable[Object | None]]


class NoAddressError(OSError):
    """A Service is away or has no cluster IP; the message may stand in a status."""


def host_of(service: str, namespace: str) -> str:
    """The name that a ServiceResolver knows. Neither part has a dot in it."""
    return f"{service}.{namespace}.{_SUFFIX}"


def by_name(client: KubernetesClient) -> Look:
    """Reads the Service `name` of `namespace`, live; None where there is none."""

    async def look(namespace: str, name: str) -> Object | None:
        try:
            found: Object = await client.request("GET", SERVICE.path(namespace, name))
        except ApiError as error:
            if error.is_not_found:
                return None
            raise NoAddressError("cannot be looked up at the API server") from None
        except NO_ANSWER:
            raise NoAddressError("cannot be looked up at the API server") from None
        return found

    return look


class ServiceResolver(AbstractResolver):
    def __init__(self, look: Look) -> None:
        self._look = look

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises NoAddressError."""
        name, namespace, suffix = host.split(".")
        if suffix != _SUFFIX:
            raise AssertionError("only Services are asked")
        service = await self._look(namespace, name)
        if service is None:
            raise NoAddressError("is no Service of this namespace")
        found = [
            result
            for address in cluster_addresses(service["spec"])
            if (result := _result(address, host, port)) is not None
            and family in (socket.AF_UNSPEC, result["family"])
        ]
        if not found:
            raise NoAddressError("has no cluster IP: a headless Service or an alias is not asked")
        return found

    async def close(self) -> None:
        pass


def cluster_addresses(spec: Object) -> list[str]:
    """The cluster IPs in a Service's spec; none of an alias, which may show an old address."""
    if spec.get("type") == "ExternalName":
        return []
    return spec.get("clusterIPs") or [spec.get("clusterIP") or ""]


def _result(address: str, host: str, port: int) -> ResolveResult | None:
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:  # "None" of a headless Service
        return None
    family = socket.AF_INET6 if version == 6 else socket.AF_INET  # noqa: PLR2004 - of IP
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
