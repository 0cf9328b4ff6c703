"""What is decided: the acts that are due now, where they lead, and when to decide anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cms_operator.api.status import RolloutStatus
from cms_operator.rollout.routing import Traffic


class DecisionPhase(StrEnum):
    MIGRATING = "Migrating"
    REFUSED = "Refused"
    PROGRESSING = "Progressing"
    PAUSED = "Paused"
    ANALYZING = "Analyzing"
    BAKING = "Baking"
    ABORTED = "Aborted"
    HEALTHY = "Healthy"
    SUSPENDED = "Suspended"


@dataclass(frozen=True, slots=True)
class Decision:
    """`sizes` is what each Deployment is to have now, `goal` where that leads.

    `retire` names the revisions whose Deployment is empty and may go, `serving`
    those that get traffic, `active` the one that the Service is narrowed to, if it is,
    and `preview` the one behind the preview Service. `traffic` is what a route that weighs is to
    say. `again` is the time in seconds after which to decide anew.
    """

    phase: DecisionPhase
    target: str
    stable: str | None
    sizes: Mapping[str, int] = field(default_factory=dict)
    goal: Mapping[str, int] = field(default_factory=dict)
    retire: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    active: str | None = None
    preview: str | None = None
    traffic: Traffic | None = None
    progress: RolloutStatus | None = None
    again: float | None = None
