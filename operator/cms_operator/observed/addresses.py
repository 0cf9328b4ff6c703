"""Where the CMS is reached from outside."""

from dataclasses import dataclass

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object


@dataclass(frozen=True, slots=True)
class Address:
    """`pending`: something in the cluster should give one and has not yet."""

    value: str | None
    pending: bool = False


def find_address(
    hcms: HeadlessCMS, service: Object | None, ingress: Object | None, route: Object | None
) -> Address:
    if hcms.spec.route is not None:
        accepted = _is_accepted(route) if hcms.spec.route.gateway else _first_ingress(ingress)
        return Address(hcms.spec.route.host, pending=not accepted)
    if service is None:
        return Address(None, pending=True)
    if service["spec"].get("type") == "LoadBalancer":
        given = _first_ingress(service)
        return Address(given, pending=given is None)
    return Address(f"{hcms.name}.{hcms.namespace}.svc")


def _first_ingress(found: Object | None) -> str | None:
    balancer = ((found or {}).get("status") or {}).get("loadBalancer") or {}
    for entry in balancer.get("ingress") or []:
        given = entry.get("hostname") or entry.get("ip")
        if given:
            return str(given)
    return None


def _is_accepted(route: Object | None) -> bool:
    parents = ((route or {}).get("status") or {}).get("parents") or []
    return any(
        condition.get("type") == "Accepted" and condition.get("status") == "True"
        for parent in parents
        for condition in parent.get("conditions") or []
    )
