"""What a reconcile found out, for the status."""

from dataclasses import dataclass
from datetime import timedelta

from cms_operator.api.problem import Problem
from cms_operator.api.status import (
    AdoptionStatus,
    JwtKeysStatus,
    MigrationStatus,
    PinStatus,
    RestartStatus,
    RevisionStatus,
)
from cms_operator.observed.snapshot import RevisionState, Snapshot
from cms_operator.rollout.decide import serves
from cms_operator.rollout.decision import Decision, DecisionPhase

# For this long a problem counts as under way, then as stalled.
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Connections:
    """Database connections: what the pods' pools may open, and what the server allows.

    `required` is None while the source Secret, which names the databases, is away.
    """

    required: int | None
    allowed: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that one reconcile has found out."""

    snapshot: Snapshot
    decision: Decision
    connections: Connections
    secrets_problem: Problem | None = None
    children_problem: Problem | None = None
    """What kept it from making a child."""

    migration: MigrationStatus | None = None
    migration_problem: Problem | None = None
    """What keeps the migration Job's pod from doing its work."""

    contract_problem: Problem | None = None
    """What keeps the contract Job's pod from it."""

    stable_problem: Problem | None = None
    """What keeps stable's pods from answering."""

    keys: JwtKeysStatus | None = None
    revisions: tuple[RevisionStatus, ...] = ()
    version: str | None = None
    selector: str | None = None
    address: str | None = None
    address_pending: bool = False
    """A load balancer or route has yet to give an address."""

    restart: RestartStatus | None = None
    """The one that the spec's revision carries."""

    adoption: AdoptionStatus | None = None

    @property
    def target(self) -> RevisionState:
        return self.snapshot.revision(self.snapshot.target)

    @property
    def settled(self) -> bool:
        """The target is stable and all its pods serve."""
        snapshot = self.snapshot
        rests = self.decision.phase is DecisionPhase.HEALTHY or (
            self.suspended and snapshot.target == snapshot.stable
        )
        return rests and serves(snapshot, snapshot.target)

    @property
    def suspended(self) -> bool:
        return self.decision.phase is DecisionPhase.SUSPENDED

    @property
    def pin(self) -> PinStatus | None:
        """The rollback that was asked for."""
        return self.snapshot.pin

    @property
    def is_late(self) -> bool:
        """Its Deployment makes no progress, and no rollout is there to take it back."""
        if self.suspended:
            return False
        rolls = (
            self.decision.stable is not None and self.decision.phase is not DecisionPhase.HEALTHY
        )
        return self.target.deadline_exceeded and not self.settled and not rolls
