"""How many pods may be away at once when nodes are drained."""

from typing import Any, ClassVar

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import IntOrPercent


def _at_most_one(budget: Any) -> bool:
    return budget.min_available is None or budget.max_unavailable is None


class PodDisruptionBudget(Model):
    enabled: bool = True
    """false makes no PodDisruptionBudget (default true)."""

    min_available: IntOrPercent | None = None
    """Pods, or percentage of them, that must stay; excludes maxUnavailable. During a rollout each
    revision may lose as many as all together may afterwards."""

    max_unavailable: IntOrPercent | None = None
    """Pods, or percentage of them, that may be away (1, when minAvailable is absent too)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.minAvailable) || !has(self.maxUnavailable)",
            message="only one of minAvailable and maxUnavailable may be set",
            holds=_at_most_one,
        ),
    )
