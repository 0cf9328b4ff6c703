"""How many connections the pods can ask of the database."""

from dataclasses import dataclass

from cms_operator.api.spec import Spec
from cms_operator.resources.sources import Sources

_MIGRATION = 2  # the Job's lock and its work


@dataclass(frozen=True, slots=True)
class Demand:
    pods: int
    pool_size: int

    @property
    def connections(self) -> int:
        return self.pods * self.pool_size + _MIGRATION


def demand(spec: Spec, sources: Sources) -> Demand:
    return Demand(most_pods(spec), sources.database.pool_size)


def most_pods(spec: Spec) -> int:
    """Pods at the height of a rollout: the new revision is complete before the old one goes."""
    most = spec.autoscaling.max_replicas if spec.autoscaling else 0
    return 2 * max(spec.replicas, most)
