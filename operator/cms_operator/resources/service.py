"""The Service in front of all pods that serve."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.spec import Spec
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest


def build(resource: HeadlessCMS) -> Manifest:
    settings = resource.spec.service
    name = names.service(resource.name)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata.child(resource, name, annotations=settings.annotations),
        "spec": {
            "type": service_type(resource.spec),
            "selector": labels.serving(resource),
            "ports": [
                {
                    "name": "http",
                    "port": settings.port,
                    # By name: two revisions may listen on different ports.
                    "targetPort": "http",
                    "protocol": "TCP",
                    "appProtocol": "http",
                }
            ],
        },
    }


def service_type(spec: Spec) -> str:
    return spec.service.type or ("ClusterIP" if spec.route else "LoadBalancer")
