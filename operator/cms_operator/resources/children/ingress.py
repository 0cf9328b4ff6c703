"""The route by an Ingress."""

from cms_operator.api import HeadlessCMS
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest, without_empty


def build(resource: HeadlessCMS) -> Manifest | None:
    route = resource.spec.route
    if route is None or route.ingress is None:
        return None
    tls = [{"hosts": [route.host], "secretName": route.tls.secret_name}] if route.tls else []
    optional = {"ingressClassName": route.ingress.class_name, "tls": tls}
    name = names.route(resource.name)
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata.child(resource, name, annotations=route.ingress.annotations),
        "spec": {
            **without_empty(optional),
            "rules": [{"host": route.host, "http": {"paths": [_all_paths(resource)]}}],
        },
    }


def _all_paths(resource: HeadlessCMS) -> Manifest:
    service = {"name": names.service(resource.name), "port": {"name": "http"}}
    return {"path": "/", "pathType": "Prefix", "backend": {"service": service}}
