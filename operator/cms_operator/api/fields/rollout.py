"""How a new revision takes over."""

import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from cms_operator.api.fields.analysis import Analysis, AnalysisStep
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule, only_one_of
from cms_operator.api.types import IntOrPercent

Strategy = Literal["RollingUpdate", "Canary", "BlueGreen"]

_LONGEST_PAUSE = 7 * 86_400
_DURATION = re.compile(r"([0-9]{1,6})([smh]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds(duration: int | str) -> int:
    """A pause as Argo Rollouts writes it: seconds, or 30s, 5m, 1h."""
    if isinstance(duration, int):
        return duration
    found = _DURATION.fullmatch(duration)
    return int(found[1]) * _SECONDS[found[2]] if found else -1


def _number_or_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError("type", "must be a number of seconds, or such as 30s, 5m, 1h")
    return value


Duration = Annotated[
    Any,
    BeforeValidator(_number_or_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 7,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel=(
            "type(self) == int ? self >= 0 && self <= 604800 : "
            "self.matches('^([0-9]{1,6}s?|[0-9]{1,5}m|[0-9]{1,3}h)$') && duration("
            "self.matches('^[0-9]+$') ? self + 's' : self) <= duration('168h')"
        ),
        message="must be a number of seconds, or such as 30s, 5m, 1h; at most 168h",
        holds=lambda value: (
            0 <= seconds(value) <= _LONGEST_PAUSE
            and (isinstance(value, int) or len(value) <= len("604800s"))
        ),
    ),
]


class Pause(Model):
    duration: Duration | None = None
    """Seconds, or a time such as 30s, 5m, 1h (default: until somebody promotes)."""


class CanaryScale(Model):
    replicas: Annotated[int | None, Field(ge=0, le=1000)] = None
    """Pods; never more than spec.replicas, and one at least while the revision gets traffic."""

    weight: Annotated[int | None, Field(ge=0, le=100)] = None
    """Percentage of spec.replicas, rounded up."""

    match_traffic_weight: bool | None = None
    """true follows setWeight again."""

    rules: ClassVar[tuple[Rule, ...]] = (
        only_one_of("replicas", "weight", "matchTrafficWeight"),
        Rule(
            cel="!has(self.matchTrafficWeight) || self.matchTrafficWeight",
            message="must be true where it is set",
            holds=lambda scale: scale.match_traffic_weight is not False,
            field="matchTrafficWeight",
        ),
    )


class CanaryStep(Model):
    set_weight: Annotated[int | None, Field(ge=0, le=100)] = None
    """Percentage of the traffic for the new revision, as near as whole pods allow."""

    pause: Pause | None = None
    """Waits; {} until somebody promotes."""

    analysis: AnalysisStep | None = None
    """Waits until enough was measured and nothing was found; {} for three measurements."""

    set_canary_scale: CanaryScale | None = None
    """Pods of the new revision from here on, whatever its weight; needs route.gateway."""

    rules: ClassVar[tuple[Rule, ...]] = (
        only_one_of("setWeight", "pause", "analysis", "setCanaryScale"),
    )


# A third, then two thirds: with the default of three pods, one after the other.
_MINUTE = Pause(duration=60)
DEFAULT_STEPS = (
    CanaryStep(set_weight=34),
    CanaryStep(pause=_MINUTE),
    CanaryStep(set_weight=67),
    CanaryStep(pause=_MINUTE),
)


class Canary(Model):
    steps: Annotated[tuple[CanaryStep, ...], Field(min_length=1, max_length=50)] = DEFAULT_STEPS
    """What happens one after the other (default: 34 %, a minute, 67 %, a minute)."""

    @property
    def sets_scale(self) -> bool:
        return any(step.set_canary_scale is not None for step in self.steps)


class BlueGreen(Model):
    auto_promotion_enabled: bool = True
    """false waits until somebody promotes before traffic is switched (default true)."""

    auto_promotion_seconds: Annotated[int, Field(ge=0, le=_LONGEST_PAUSE)] = 0
    """Seconds that the new revision is ready behind the preview Service before the switch
    (default 0)."""

    pre_promotion_analysis: AnalysisStep | None = None
    """Judges the new revision behind the preview Service before anything else (default: not)."""

    post_promotion_analysis: AnalysisStep | None = None
    """Ends the bake no sooner than enough was measured after the switch (default: not)."""

    scale_down_delay_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30
    """Seconds after the promotion in which the old pods are kept for an instant way back
    (default 30)."""


class RollbackWindow(Model):
    revisions: Annotated[int, Field(ge=0, le=50)] = 1
    """Formerly stable revisions, the latest first, to which a way back skips all steps and pauses
    (default 1)."""


class Rollout(Model):
    strategy: Strategy = "RollingUpdate"
    """RollingUpdate: pods are exchanged a few at a time. Canary: the new revision gets a growing
    share of the traffic. BlueGreen: it comes up beside the old one, then all traffic is switched.
    A change takes effect with the next rollout."""

    max_surge: IntOrPercent = "25%"
    """Pods, or percentage of them, above the wanted number while revisions change places
    (default 25%, rounded up). Not for BlueGreen, which doubles them."""

    max_unavailable: IntOrPercent = 0
    """Pods, or percentage of them, that may be missing meanwhile (default 0)."""

    canary: Canary | None = None
    """Settings of the strategy Canary (default: {})."""

    blue_green: BlueGreen | None = None
    """Settings of the strategy BlueGreen (default: {})."""

    analysis: Analysis | None = None
    """How the new revision is judged meanwhile (default: {})."""

    bake_seconds: Annotated[int, Field(ge=0, le=86_400)] = 60
    """Seconds that the new revision must serve all traffic in good health before it counts as
    stable; until then it is taken back by itself (default 60)."""

    paused: bool = False
    """true holds a rollout where it is (default false)."""

    progress_deadline_seconds: Annotated[int, Field(ge=1, le=86_400)] = 600
    """Seconds without progress after which a rollout is taken back (default 600)."""

    min_ready_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Seconds that a pod must be ready before it counts (default 0)."""

    revision_history_limit: Annotated[int, Field(ge=0, le=50)] = 10
    """Old revisions that are kept (default 10)."""

    rollback_window: RollbackWindow = RollbackWindow()
    """How far a way back is taken without steps."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minReadySeconds < self.progressDeadlineSeconds",
            message="must be less than rollout.progressDeadlineSeconds",
            holds=lambda rollout: rollout.min_ready_seconds < rollout.progress_deadline_seconds,
            field="minReadySeconds",
        ),
        Rule(
            cel=(
                "!(self.maxSurge in [dyn(0), dyn('0%'), dyn('00%')] && "
                "self.maxUnavailable in [dyn(0), dyn('0%'), dyn('00%')])"
            ),
            message="must not be 0 where rollout.maxUnavailable is",
            holds=lambda rollout: (
                not (_is_zero(rollout.max_surge) and _is_zero(rollout.max_unavailable))
            ),
            field="maxSurge",
        ),
    )

    @property
    def judged_by(self) -> Analysis:
        return self.analysis or Analysis()


def _is_zero(value: int | str) -> bool:
    return value in {0, "0%", "00%"}
