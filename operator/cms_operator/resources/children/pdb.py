"""One PodDisruptionBudget for each revision that serves."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.fields.disruption import PodDisruptionBudget
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.shares import pods_of


def build(resource: HeadlessCMS, revision: str, *, alone: bool = True) -> Manifest | None:
    """`alone`: no other revision has pods. What must stay of all pods would be more than one of
    several has, and its nodes could never be drained.
    """
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
            **_limit(budget, resource.spec.wanted_pods, alone=alone),
            # Else a pod that is not ready anyway would keep its node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }


def _limit(budget: PodDisruptionBudget, replicas: int, *, alone: bool) -> Manifest:
    must_stay = budget.min_available
    if must_stay is None:
        return {"maxUnavailable": 1 if budget.max_unavailable is None else budget.max_unavailable}
    if alone:
        return {"minAvailable": must_stay}
    return {"maxUnavailable": max(0, replicas - pods_of(must_stay, replicas))}
