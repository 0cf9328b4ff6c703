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
    phase: DecisionPhase
    target: str
    stable: str | None
    sizes: Mapping[str, int] = field(default_factory=dict)
    """The pods that each revision's Deployment is to have now."""

    goal: Mapping[str, int] = field(default_factory=dict)
    """Where `sizes` leads."""

    retire: tuple[str, ...] = ()
    """The revisions whose Deployment is empty and may go."""

    serving: tuple[str, ...] = ()
    """The revisions that get traffic."""

    active: str | None = None
    """The revision that the Service is narrowed to, if it is."""

    preview: str | None = None
    """The revision behind the preview Service."""

    traffic: Traffic | None = None
    """What a route that weighs is to say."""

    progress: RolloutStatus | None = None
    again: float | None = None
    """Seconds after which to decide anew."""
