"""What decide() sees: the counted state of the revisions of one HeadlessCMS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.annotations import UNVERIFIED, Verb
from cms_operator.api.fields.rollout import Rollout
from cms_operator.api.problem import Problem
from cms_operator.api.status import JobPhase, PinStatus, RequestStatus, RolloutStatus
from cms_operator.observed.schema import Schemas

# All the traffic, as a weight.
FULL = 100


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
class RouteState:
    """An HTTPRoute and the two Services behind it, as they were written last."""

    main: str | None = None
    preview: str | None = None
    """The revisions that the two Services select."""

    weight: int = 0
    """The preview Service's percentage."""

    opened: bool = False
    """A rule leads to the preview Service."""

    settled: bool = False
    """The gateway has accepted just this."""

    endpoints: Mapping[str, int] = field(default_factory=dict)
    """The ready ones of the main Service, by revision."""

    leads: bool = False
    """A route that the gateway may follow until it has settled leads to the preview Service."""

    @property
    def uses_preview(self) -> bool:
        """Requests may come to what is behind the preview Service."""
        return self.opened or (self.leads and not self.settled)


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks: `value` is REVISION, or REVISION:ANYTHING to ask anew.

    A rollback's is FROM:TO, or FROM:TO:ANYTHING.
    """

    verb: Verb
    value: str
    by: str = UNVERIFIED

    @property
    def revision(self) -> str:
        return self.value.partition(":")[0]

    @property
    def destination(self) -> str:
        return self.value.partition(":")[2].partition(":")[0]


@dataclass(frozen=True, slots=True)
class Snapshot:
    replicas: int
    """n: how many pods are to serve."""

    target: str
    """The revision that is wanted: that of the present spec, or where `pin` sends it."""

    now: datetime
    stable: str | None = None
    """The revision that has passed last."""

    rollout: Rollout = field(default_factory=Rollout)
    progress: RolloutStatus | None = None
    """The rollout as it was reported last."""

    migration: JobPhase | None = None
    """None where none is needed."""

    schemas: Schemas = field(default_factory=Schemas)
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    failure: str = ""
    """Why the target's pods cannot be trusted."""

    suspended: bool = False
    """Nothing may be done to it."""

    problem: Problem | None = None
    """What keeps the target's pods from getting ready."""

    pin: PinStatus | None = None
    answers: tuple[RequestStatus, ...] = ()
    """To the requests about which revision is wanted."""

    judgement: AnalysisStatus | None = None
    """What was measured of the target up to now."""

    reading_due: datetime | None = None
    """When the next measurement is due."""

    route: RouteState | None = None
    """None where no gateway can weigh the traffic."""

    formerly: tuple[str, ...] = ()
    """The revisions that were stable before, the latest first."""

    autoscaled: bool = False
    """n follows the load."""

    @property
    def is_migrated(self) -> bool:
        """Pods may start: the database is as the target needs it, or nobody asks for that."""
        return self.migration in {None, "Complete"}

    @property
    def endpoints(self) -> dict[str, int]:
        """Pods that the Service sends traffic to, by revision."""
        return {name: found.endpoints for name, found in self.revisions.items()}

    def revision(self, name: str) -> RevisionState:
        return self.revisions.get(name, RevisionState())
