"""What decide() sees: the counted state of the revisions of one HeadlessCMS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class MigrationPhase(StrEnum):
    NOT_NEEDED = "NotNeeded"
    PENDING = "Pending"
    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"

    @property
    def lets_pods_start(self) -> bool:
        return self in (MigrationPhase.NOT_NEEDED, MigrationPhase.COMPLETE)


@dataclass(frozen=True, slots=True)
class RevisionState:
    """One Deployment. `endpoints` are its pods that the Service sends traffic to.

    `observed` tells whether the Deployment controller has seen the newest spec:
    until then the other figures belong to an older one.
    """

    wanted: int = 0
    current: int = 0
    ready: int = 0
    available: int = 0
    endpoints: int = 0
    observed: bool = True
    deadline_exceeded: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`replicas` is n; `target` the revision of the present spec; `stable` the last that passed."""

    replicas: int
    target: str
    stable: str | None = None
    migration: MigrationPhase = MigrationPhase.NOT_NEEDED
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)

    def revision(self, name: str) -> RevisionState:
        return self.revisions.get(name, RevisionState())
