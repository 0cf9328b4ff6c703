"""The engine: from what is there to the next acts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cms_operator.rollout.snapshot import RevisionState, Snapshot


class Phase(StrEnum):
    MIGRATING = "Migrating"
    PROGRESSING = "Progressing"
    HEALTHY = "Healthy"


@dataclass(frozen=True, slots=True)
class Decision:
    """`scale` is the wanted size of each revision that keeps a Deployment.

    `retire` names the revisions whose Deployment may go, after a live read has
    confirmed that their successor serves.
    """

    phase: Phase
    target: str
    stable: str | None
    scale: Mapping[str, int] = field(default_factory=dict)
    retire: tuple[str, ...] = ()


def decide(snapshot: Snapshot) -> Decision:
    """Bring the target to n, wait until its endpoints serve, then retire the others.

    Until then the stable revision keeps its n pods, so that the floor of
    serving pods is never touched; the ceiling is 2n while two revisions live.
    """
    target, stable = snapshot.target, snapshot.stable
    if _waits_for_migration(snapshot):
        sizes = {name: 0 for name in (target,) if name in snapshot.revisions}
        scale = {**_keep(snapshot), **sizes}
        return Decision(Phase.MIGRATING, target, stable, scale, _superseded(snapshot))
    if not serves(snapshot.revision(target), snapshot.replicas):
        phase = Phase.HEALTHY if target == stable else Phase.PROGRESSING
        scale = {**_keep(snapshot), target: snapshot.replicas}
        return Decision(phase, target, stable, scale, _superseded(snapshot))
    others = tuple(sorted(name for name in snapshot.revisions if name != target))
    return Decision(Phase.HEALTHY, target, target, {target: snapshot.replicas}, others)


def serves(revision: RevisionState, replicas: int) -> bool:
    """All wanted pods are available and the Service sends traffic to as many."""
    return (
        revision.observed
        and revision.wanted == replicas
        and revision.available >= replicas
        and revision.endpoints >= replicas
    )


def _waits_for_migration(snapshot: Snapshot) -> bool:
    """A stable revision has had its migration; what came later (a tenant) holds no pod back."""
    return (
        snapshot.target != snapshot.stable
        and not snapshot.migration.lets_pods_start
        and snapshot.revision(snapshot.target).wanted == 0
    )


def _keep(snapshot: Snapshot) -> dict[str, int]:
    """Sizes of what serves beside the target.

    Stable follows n, and comes back when it was deleted; a superseded candidate
    keeps the pods that serve.
    """
    gone = {snapshot.target, *_superseded(snapshot)}
    sizes = {
        name: min(revision.wanted, revision.endpoints)
        for name, revision in snapshot.revisions.items()
        if name not in gone
    }
    if snapshot.stable is not None and snapshot.stable not in gone:
        sizes[snapshot.stable] = snapshot.replicas
    return sizes


def _superseded(snapshot: Snapshot) -> tuple[str, ...]:
    """Candidates of an older spec, but for those without which fewer than n pods would serve."""
    missing = snapshot.replicas
    others = []
    for name, revision in snapshot.revisions.items():
        if name in (snapshot.target, snapshot.stable):
            missing -= revision.endpoints
        else:
            others.append((revision.endpoints, name))
    leaving = []
    for endpoints, name in sorted(others, reverse=True):
        if missing <= 0 or endpoints == 0:
            leaving.append(name)
        missing -= endpoints
    return tuple(sorted(leaving))
