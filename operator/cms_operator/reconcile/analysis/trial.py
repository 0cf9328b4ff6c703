"""A candidate on trial, and the pods that speak for it and for the stable revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.status import RolloutStatus
from cms_operator.cluster.keys import Key
from cms_operator.cluster.outbound.pods import Target
from cms_operator.observed.family import Family, revision_of
from cms_operator.observed.pods import is_serving
from cms_operator.resources.revision import Revision

# Pods of a revision that are read at most.
MOST_PODS = 16


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate against the revision that has passed."""

    hcms: HeadlessCMS
    progress: RolloutStatus
    stable: str
    family: Family
    revisions: Mapping[str, Revision]

    @property
    def key(self) -> Key:
        return Key(self.hcms.namespace, self.hcms.name)

    @property
    def candidate(self) -> str:
        return self.progress.revision

    @property
    def rollout(self) -> tuple[str, datetime]:
        """Tells this rollout from an earlier one to the same revision."""
        return self.progress.revision, self.progress.started_at

    def speakers(self) -> Sequence[Object]:
        """Serving pods of the candidate and of stable, at most MOST_PODS of each."""
        return [
            pod
            for revision in (self.candidate, self.stable)
            for pod in self._speakers_for(revision)
            if revision in self.revisions
        ]

    def target(self, pod: Object, port: str) -> Target:
        """The address of a pod; `port` is the variable of its configuration that has the number."""
        revision = self.revisions[str(revision_of(pod))]
        return Target.of(self.hcms.namespace, pod, revision.config, port)

    def _speakers_for(self, revision: str) -> Sequence[Object]:
        pods = self.family.pods
        mine = [pod for pod in pods if revision_of(pod) == revision and is_serving(pod)]
        return sorted(mine, key=lambda pod: str(pod["metadata"]["uid"]))[:MOST_PODS]
