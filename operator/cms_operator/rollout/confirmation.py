"""Which acts cannot be taken back, and need a live read before them."""

from cms_operator.resources import labels
from cms_operator.rollout.decide import Decision
from cms_operator.rollout.family import Family


def takes_away(decision: Decision, family: Family, service: str) -> bool:
    """Pods are removed, or the Service is narrowed to another revision than now."""
    deployments = family.by_revision("Deployment")
    smaller = any(
        name in deployments and size < deployments[name]["spec"].get("replicas", 1)
        for name, size in decision.sizes.items()
    )
    selector = (family.of_kind("Service").get(service) or {"spec": {}})["spec"].get("selector")
    return smaller or decision.active not in (None, (selector or {}).get(labels.REVISION))
