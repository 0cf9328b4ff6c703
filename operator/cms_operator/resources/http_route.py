"""The route by a Gateway."""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest, part


def build(resource: HeadlessCMS) -> Manifest | None:
    route = resource.spec.route
    if route is None or route.gateway is None:
        return None
    gateway = {"group": "gateway.networking.k8s.io", "kind": "Gateway", **part(route.gateway)}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata.child(resource, names.route(resource.name)),
        "spec": {
            "parentRefs": [gateway],
            "hostnames": [route.host],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                    "backendRefs": [_backend(resource)],
                }
            ],
        },
    }


def _backend(resource: HeadlessCMS) -> Manifest:
    return {
        "group": "",
        "kind": "Service",
        "name": names.service(resource.name),
        "port": resource.spec.service.port,
        "weight": 1,
    }
