"""How a candidate is judged while it takes over."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cms_operator.api.fields.measures import Limit, Measures
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import HttpPath

Then = Literal["Pause", "Extend", "Fail"]


class BuiltIn(StrEnum):
    """The measures that are always there."""

    ERRORS = "errors"
    LATENCY_P50 = "latency-p50"
    LATENCY_P99 = "latency-p99"
    DATABASE = "database"
    CACHE = "cache"
    READINESS = "readiness"
    RESTARTS = "restarts"


_MOST_PERCENT = 99
_MOST_RATIO = 1000


def _within(least: int, most: int) -> Rule:
    """What is no number at all is told by the type's own rule."""
    return Rule(
        cel=(
            "!string(self).matches(r'^-?[0-9]{1,12}([.][0-9]{1,9})?$') || "
            f"(double(string(self)) >= {least}.0 && double(string(self)) <= {most}.0)"
        ),
        message=f"must be from {least} to {most}",
        holds=lambda value: least <= float(value) <= most,
    )


Percent = Annotated[Limit, _within(0, _MOST_PERCENT)]
Ratio = Annotated[Limit, _within(1, _MOST_RATIO)]


class ErrorMeasure(Model):
    max_percent: Percent = 1
    """Percentage of answers with a status of 5xx that a candidate may have, whatever stable has
    (default 1)."""

    max_ratio: Ratio = 2
    """How many times stable's percentage it may have (default 2). A candidate fails that surely
    has more than both."""

    dry_run: bool = False
    """true shows the result and lets it decide nothing (default false)."""


class LatencyMeasure(Model):
    max_ratio_p50: Ratio = 2
    """How many times stable's median the candidate's may be (default 2)."""

    max_ratio_p99: Ratio = 3
    """How many times stable's 99th percentile the candidate's may be (default 3)."""

    dry_run: bool = False
    """true shows the result and lets it decide nothing (default false)."""


class HealthMeasure(Model):
    failure_limit: Annotated[int, Field(ge=0, le=100)] = 1
    """Failed measurements that are tolerated; one more fails the release (default 1)."""

    dry_run: bool = False
    """true shows the result and lets it decide nothing (default false)."""


class SyntheticRequests(Model):
    path: HttpPath
    """What is asked for, such as /v1/delivery/TENANT/TYPE. /health is not counted by the pods."""

    per_pod: Annotated[int, Field(ge=1, le=50)] = 20
    """GET requests to each pod of both revisions in an interval (default 20)."""


class AnalysisStep(Model):
    count: Annotated[int, Field(ge=1, le=1000)] = 3
    """Measurements, one an interval, that are needed to pass (default 3)."""

    min_samples: Annotated[int | None, Field(ge=0, le=1_000_000)] = None
    """Requests of the candidate that are needed to pass (default: analysis.minSamples; before a
    BlueGreen's switch 0, nothing sends any there)."""


class Analysis(Model):
    enabled: bool = True
    """false judges in steps of the kind analysis alone; true in the background of every rollout
    and of its bake too (default true)."""

    starting_step: Annotated[int, Field(ge=0, le=50)] = 0
    """Steps of a Canary that are done before the background analysis begins (default 0)."""

    interval_seconds: Annotated[int, Field(ge=1, le=3600)] = 10
    """Seconds from one measurement to the next (default 10)."""

    warm_up_seconds: Annotated[int, Field(ge=0, le=3600)] = 30
    """Seconds after a pod got ready in which its latency does not count (default 30)."""

    min_samples: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """Requests of the candidate without which it cannot pass a step (default 100)."""

    no_data_seconds: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Seconds after which a step without a conclusion is treated as onNoData says, or onError; not
    before twice the time of its measurements where some are missing (default 300)."""

    on_no_data: Then = "Pause"
    """What becomes of a step with too few requests: Pause waits for a person, Extend goes on
    measuring, Fail takes the release back (default Pause)."""

    on_error: Then = "Pause"
    """What becomes of a step whose measurements fail: Pause, Extend or Fail (default Pause)."""

    consecutive_error_limit: Annotated[int, Field(ge=0, le=100)] = 4
    """Measurements in a row in which no pod of the candidate could be read that are tolerated
    (default 4)."""

    synthetic: SyntheticRequests | None = None
    """Requests that the operator sends itself while the candidate's pods get fewer from others
    (default: none)."""

    errors: ErrorMeasure = ErrorMeasure()
    """Answers with a status of 5xx."""

    latency: LatencyMeasure = LatencyMeasure()
    """Time to the end of an answer."""

    database: HealthMeasure = HealthMeasure()
    """Candidates that cannot use the database, while stable can, in a row."""

    cache: HealthMeasure = HealthMeasure()
    """Candidates that cannot use Redis, while stable can, in a row."""

    readiness: HealthMeasure = HealthMeasure()
    """Candidates that were ready and are no longer."""

    restarts: HealthMeasure = HealthMeasure()
    """Candidates whose container has ended."""

    measures: Measures = ()
    """Further measures: Prometheus queries and webhooks."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.measures) || self.measures.all(measure, !(measure.name in ["
                + ", ".join(f"'{name}'" for name in BuiltIn)
                + "]))"
            ),
            message="measures must not have the name of one that is always there: "
            + ", ".join(BuiltIn),
            holds=lambda analysis: not {found.name for found in analysis.measures} & {*BuiltIn},
            field="measures",
        ),
    )

    def health_of(self, measure: BuiltIn) -> HealthMeasure:
        """Raises ValueError for a measure that compares requests with stable's."""
        match measure:
            case BuiltIn.DATABASE:
                return self.database
            case BuiltIn.CACHE:
                return self.cache
            case BuiltIn.READINESS:
                return self.readiness
            case BuiltIn.RESTARTS:
                return self.restarts
            case BuiltIn.ERRORS | BuiltIn.LATENCY_P50 | BuiltIn.LATENCY_P99:
                raise ValueError(f"{measure} has no limit of failures")


def number(limit: Any) -> float:
    return float(limit)
