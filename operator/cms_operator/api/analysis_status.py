"""What the operator reports of an analysis; all of it that outlives a measurement."""

from typing import Annotated, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap
from cms_operator.api.timestamps import Timestamp

MOST_INTERVALS = 10
MOST_MEASURES = 20
LONGEST_MESSAGE = 512
_MOST_BOUNDS = 32

AnalysisVerdict = Literal["Successful", "Failed", "Inconclusive", "NoData", "Error"]

_Count = Annotated[int, Field(ge=0)]
_Log = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
_Word = Annotated[str, Field(max_length=64)]
_Text = Annotated[str, Field(max_length=LONGEST_MESSAGE)]


class EvidenceStatus(Model):
    """A bet against the candidate; see docs/rollouts/analysis.md."""

    logs: Annotated[tuple[_Log, ...], Field(max_length=8)] = ()
    """Logarithms of what the bets have grown to, in thousandths."""

    moments: _Count = 0
    """Intervals that told something."""


class MeasureStatus(Model):
    name: _Word
    """Name of the measure."""

    verdict: AnalysisVerdict
    """Successful, Failed, Inconclusive, NoData or Error."""

    candidate: _Word = ""
    """Value of the candidate, over the recorded intervals."""

    stable: _Word = ""
    """Value of the stable revision, over the recorded intervals."""

    limit: _Text = ""
    """What the candidate may have."""

    samples: _Count = 0
    """Requests of the candidate that the measure is about, or measurements."""

    message: _Text = ""
    """The verdict in words."""

    failures: _Count = 0
    """Failed measurements."""

    consecutive_errors: _Count = 0
    """Measurements in a row without an answer."""

    against_stable: EvidenceStatus | None = None
    """How sure it is that the candidate is worse than stable."""

    against_limit: EvidenceStatus | None = None
    """How sure it is that the candidate is above what is allowed in any case."""


class TallyStatus(Model):
    requests: _Count = 0
    """Requests answered."""

    errors: _Count = 0
    """Answers with a status of 5xx."""

    timed: _Count = 0
    """Requests of pods that were warmed up."""

    slow_p50: _Count = 0
    """Of these, slower than stable's median may get."""

    slow_p99: _Count = 0
    """Of these, slower than stable's 99th percentile may get."""


class IntervalStatus(Model):
    at: Timestamp
    """When the interval ended."""

    candidate: TallyStatus
    """What the candidate did."""

    stable: TallyStatus
    """What the stable revision did."""


class BaselineStatus(Model):
    """What stable has done during the rollout."""

    requests: _Count = 0
    """Requests answered."""

    errors: _Count = 0
    """Answers with a status of 5xx."""

    timed: _Count = 0
    """Requests of pods that were warmed up."""

    bounds: Annotated[tuple[_Count, ...], Field(max_length=_MOST_BOUNDS)] = ()
    """Bounds of the latency histogram, in microseconds."""

    within: Annotated[tuple[_Count, ...], Field(max_length=_MOST_BOUNDS)] = ()
    """Requests answered within each bound."""


class AnalysisStatus(Model):
    verdict: AnalysisVerdict = "NoData"
    """Successful, Failed, Inconclusive, NoData or Error."""

    message: Annotated[str, Field(max_length=1024)] = ""
    """The verdict in words."""

    since: Timestamp
    """When the present step, or the rollout, began to be measured."""

    measurements: _Count = 0
    """Measurements since then."""

    samples: _Count = 0
    """Requests of the candidate since then."""

    consecutive_errors: _Count = 0
    """Measurements in a row in which no pod of the candidate could be read."""

    held: Literal["NoData", "Error", "Inconclusive"] | None = None
    """Why the step waits for a person."""

    baseline: BaselineStatus = BaselineStatus()
    """What stable has done during the rollout."""

    measures: Annotated[
        tuple[MeasureStatus, ...], Field(max_length=MOST_MEASURES), ListMap("name")
    ] = ()
    """The verdict on each measure."""

    intervals: Annotated[tuple[IntervalStatus, ...], Field(max_length=MOST_INTERVALS)] = ()
    """The latest intervals, oldest first."""
