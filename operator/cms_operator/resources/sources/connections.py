"""How many connections the pods can ask of the database."""

from dataclasses import dataclass

from cms_operator.api.fields.rollout import Strategy
from cms_operator.api.spec import Spec
from cms_operator.resources.shares import pods_of
from cms_operator.resources.sources.sources import Sources

_MIGRATION = 2  # the Job's lock and its work


@dataclass(frozen=True, slots=True)
class Demand:
    pods: int
    pool_size: int

    @property
    def connections(self) -> int:
        return self.pods * self.pool_size + _MIGRATION


def demand(spec: Spec, sources: Sources, running: Strategy | None = None) -> Demand:
    return Demand(most_pods(spec, running), sources.database.pool_size)


def most_pods(spec: Spec, running: Strategy | None = None) -> int:
    """Pods at the height of a rollout, of the one that is `running` or of the next.

    Pods that are ending are not among them.
    """
    replicas = max(spec.replicas, spec.autoscaling.max_replicas if spec.autoscaling else 0)
    if "BlueGreen" in (spec.rollout.strategy, running):
        return 2 * replicas
    surge = pods_of(spec.rollout.max_surge, replicas)
    if spec.has_gateway and "Canary" in (spec.rollout.strategy, running):
        return 2 * replicas + surge
    return replicas + surge
