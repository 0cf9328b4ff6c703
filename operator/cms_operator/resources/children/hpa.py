"""The autoscaler, which scales the HeadlessCMS and not a Deployment."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.fields.autoscaling import Autoscaling
from cms_operator.api.resource import API_VERSION, KIND
from cms_operator.resources import metadata, names
from cms_operator.resources.manifests import Manifest, part


def build(resource: HeadlessCMS) -> Manifest | None:
    scaling = resource.spec.autoscaling
    if scaling is None:
        return None
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata.child(resource, names.autoscaler(resource.name)),
        "spec": {
            "scaleTargetRef": {"apiVersion": API_VERSION, "kind": KIND, "name": resource.name},
            "minReplicas": scaling.min_replicas,
            "maxReplicas": scaling.max_replicas,
            "metrics": _metrics(scaling),
            "behavior": part(scaling.behavior),
        },
    }


def _metrics(scaling: Autoscaling) -> list[Manifest]:
    targets = {
        "cpu": scaling.target_cpu_utilization_percentage,
        "memory": scaling.target_memory_utilization_percentage,
    }
    return [
        {
            "type": "Resource",
            "resource": {
                "name": name,
                "target": {"type": "Utilization", "averageUtilization": percentage},
            },
        }
        for name, percentage in targets.items()
        if percentage
    ]
