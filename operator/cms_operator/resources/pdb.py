"""One PodDisruptionBudget for each revision that serves."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.disruption import PodDisruptionBudget
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest


def build(resource: HeadlessCMS, revision: str) -> Manifest | None:
    budget = resource.spec.pod_disruption_budget
    if not budget.enabled:
        return None
    name = names.disruption_budget(resource.name, revision)
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata.child(resource, name, revision=revision),
        "spec": {
            "selector": {"matchLabels": labels.serving(resource, revision)},
            **_limit(budget),
            # Else a pod that is not ready anyway would keep its node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _limit(budget: PodDisruptionBudget) -> Manifest:
    if budget.min_available is not None:
        return {"minAvailable": budget.min_available}
    return {"maxUnavailable": 1 if budget.max_unavailable is None else budget.max_unavailable}
