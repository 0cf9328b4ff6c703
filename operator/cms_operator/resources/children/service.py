"""The Services: in front of all pods that serve, and of a candidate that does not yet."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.spec import Spec
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest


def build(resource: HeadlessCMS, active: str | None) -> Manifest:
    """`active` narrows it to one revision."""
    settings = resource.spec.service
    name = names.service(resource.name)
    found = metadata.child(resource, name, annotations=settings.annotations)
    return _service(resource, found, service_type(resource.spec), active)


def build_preview(resource: HeadlessCMS, revision: str | None) -> Manifest | None:
    """Reaches a candidate of a BlueGreen, or of a Canary by a gateway, apart from the others."""
    if revision is None:
        return None
    found = metadata.child(resource, names.preview_service(resource.name))
    return _service(resource, found, "ClusterIP", revision)


def _service(
    resource: HeadlessCMS, found: Manifest, service_type: str, revision: str | None
) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": found,
        "spec": {
            "type": service_type,
            "selector": labels.serving(resource, revision),
            "ports": [
                {
                    "name": "http",
                    "port": resource.spec.service.port,
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
