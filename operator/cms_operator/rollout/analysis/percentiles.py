"""Which answers count as slow: those that take some times as long as a percentile of stable's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cms_operator.api.analysis_status import TallyStatus
from cms_operator.api.fields.analysis import Analysis, BuiltIn, LatencyMeasure, number
from cms_operator.rollout.analysis import evidence
from cms_operator.rollout.analysis.counters import Counts

# Microseconds by the percentile's name; None where nothing tells what is slow.
SlowBounds = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Percentile:
    """`share` of stable's answers are faster than it. `slow` reads those of a tally that are slow
    by it, `ratio` how many times stable's percentile an answer may take.
    """

    name: str
    share: float
    slow: Callable[[TallyStatus], int]
    ratio: Callable[[LatencyMeasure], Any]


P50 = Percentile(
    BuiltIn.LATENCY_P50, 0.5, lambda tally: tally.slow_p50, lambda latency: latency.max_ratio_p50
)
P99 = Percentile(
    BuiltIn.LATENCY_P99, 0.99, lambda tally: tally.slow_p99, lambda latency: latency.max_ratio_p99
)
PERCENTILES = (P50, P99)


def slow_bounds(baseline: Counts, settings: Analysis) -> SlowBounds:
    return {found.name: _slow_bound(baseline, found, settings) for found in PERCENTILES}


def _slow_bound(baseline: Counts, percentile: Percentile, settings: Analysis) -> int | None:
    """The bound above which an answer is slow: stable's percentile, surely not too low, times what
    is allowed.

    None where stable has had too few requests to tell, or the histogram ends below.
    """
    bounds = sorted(baseline.within)
    base = next(
        (
            bound
            for bound in bounds
            if evidence.likely_below(baseline.timed - baseline.within[bound], baseline.timed)
            <= 1 - percentile.share
        ),
        None,
    )
    if base is None:
        return None
    least = base * number(percentile.ratio(settings.latency))
    return next((bound for bound in bounds if bound >= least), None)


def slower(counts: Counts, bound: int | None) -> int:
    """Answers above the bound; 0 where there is none."""
    return max(0, (counts.slower_than(bound) if bound is not None else None) or 0)
