"""What decide() sees: the counted state of the revisions of one HeadlessCMS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cms_operator.api.rollout import Rollout
from cms_operator.api.status import RolloutStatus, Verb


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
    """One Deployment. `endpoints` are its pods that the Service sends traffic to, `preview` those
    that the preview Service does.

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
    preview: int = 0


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks of a rollout: `value` is REVISION, or REVISION:ANYTHING to ask anew."""

    verb: Verb
    value: str

    @property
    def revision(self) -> str:
        return self.value.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`replicas` is n; `target` the revision of the present spec; `stable` the last that passed.

    `progress` is the rollout as it was reported last, `failure` why the target's
    pods cannot be trusted, `trouble` what keeps them from getting ready. Nothing may be
    done to one that is `suspended`.
    """

    replicas: int
    target: str
    now: datetime
    stable: str | None = None
    rollout: Rollout = field(default_factory=Rollout)
    progress: RolloutStatus | None = None
    migration: MigrationPhase = MigrationPhase.NOT_NEEDED
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    failure: str = ""
    suspended: bool = False
    trouble: str = ""

    def revision(self, name: str) -> RevisionState:
        return self.revisions.get(name, RevisionState())
