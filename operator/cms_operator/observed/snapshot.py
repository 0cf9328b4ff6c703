"""What decide() sees: the counted state of the revisions of one HeadlessCMS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.annotations import UNVERIFIED, Verb
from cms_operator.api.problem import Problem
from cms_operator.api.rollout import Rollout
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
    """An HTTPRoute and the two Services behind it, as they were written last.

    `main` and `preview` are the revisions that the Services select, `weight` is the preview
    Service's percentage and `opened` tells whether any rule leads to it. `settled`: the gateway
    has accepted just this. `endpoints` are the ready ones of the main Service, by revision.
    `leads`: a route that the gateway may follow until then leads to the preview Service.
    """

    main: str | None = None
    preview: str | None = None
    weight: int = 0
    opened: bool = False
    settled: bool = False
    endpoints: Mapping[str, int] = field(default_factory=dict)
    leads: bool = False

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
    """`replicas` is n; `target` the revision that is wanted; `stable` the last that passed.

    That is the one of the present spec, or where `pin` sends it. `progress` is the
    rollout as it was reported last, `failure` why the target's pods cannot be trusted,
    `problem` what keeps them from getting ready. `answers` are to requests about the
    target. Nothing may be done to one that is `suspended`. `judgement` is what was measured of
    the target up to now, and `reading_due` when the next measurement is due. `route` is there
    where a gateway can weigh the traffic. `formerly` are the revisions that were stable before,
    the latest first. `autoscaled`: n follows the load.
    """

    replicas: int
    target: str
    now: datetime
    stable: str | None = None
    rollout: Rollout = field(default_factory=Rollout)
    progress: RolloutStatus | None = None
    migration: JobPhase | None = None  # None where none is needed
    schemas: Schemas = field(default_factory=Schemas)
    revisions: Mapping[str, RevisionState] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    failure: str = ""
    suspended: bool = False
    problem: Problem | None = None
    pin: PinStatus | None = None
    answers: tuple[RequestStatus, ...] = ()
    judgement: AnalysisStatus | None = None
    reading_due: datetime | None = None
    route: RouteState | None = None
    formerly: tuple[str, ...] = ()
    autoscaled: bool = False

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
