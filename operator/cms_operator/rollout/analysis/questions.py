"""What is asked of the candidate's requests, and what the answers so far prove."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cms_operator.api.analysis_status import (
    AnalysisVerdict,
    IntervalStatus,
    MeasureStatus,
    TallyStatus,
)
from cms_operator.api.fields.analysis import Analysis, BuiltIn, number
from cms_operator.rollout.analysis import evidence
from cms_operator.rollout.analysis.counters import Counts
from cms_operator.rollout.analysis.evidence import Evidence
from cms_operator.rollout.analysis.percentiles import PERCENTILES, Percentile, SlowBounds, slower
from cms_operator.rollout.analysis.status_values import evidence_of, evidence_status
from cms_operator.rollout.analysis.tolerance import dry

# Below this share of the traffic stable is no measure for what happens at the same time.
_LEAST_SHARE = 0.05
# As for errors: twice as many slow answers as stable has at the same time are no finding.
SLOW_RATIO = 2.0


@dataclass(frozen=True, slots=True)
class Events:
    """How many of a revision's requests went wrong in some way."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    def __add__(self, other: "Events") -> "Events":
        return Events(self.hits + other.hits, self.of + other.of)

    def __str__(self) -> str:
        return f"{100 * self.hits / self.of:.3g} %" if self.of else "no requests"


# Takes the events of one kind out of an interval's tally.
Count = Callable[[TallyStatus], Events]


@dataclass(frozen=True, slots=True)
class Question:
    """Has the candidate more of these events than it may?

    `allowed` is a share, `ratio` how many times stable's it may be.
    """

    name: str
    count: Count
    candidate: Events
    stable: Events
    baseline: Events
    allowed: float
    ratio: float
    what: str
    limit: str
    dry_run: bool


def failures(tally: TallyStatus) -> Events:
    return Events(tally.errors, tally.requests)


def slow_answers(percentile: Percentile) -> Count:
    return lambda tally: Events(percentile.slow(tally), tally.timed)


def questions(
    entry: IntervalStatus,
    baseline: Counts,
    bounds: SlowBounds,
    settings: Analysis,
) -> Iterable[Question]:
    candidate, stable = entry.candidate, entry.stable
    errors = settings.errors
    yield Question(
        BuiltIn.ERRORS,
        failures,
        failures(candidate),
        failures(stable),
        Events(baseline.errors, baseline.requests),
        allowed=number(errors.max_percent) / 100,
        ratio=number(errors.max_ratio),
        what="failed (status 5xx)",
        limit=f"{errors.max_percent} %, and {errors.max_ratio} times stable's",
        dry_run=errors.dry_run,
    )
    for percentile in PERCENTILES:
        yield _slowness(percentile, entry, baseline, bounds[percentile.name], settings)


def _slowness(
    percentile: Percentile,
    entry: IntervalStatus,
    baseline: Counts,
    bound: int | None,
    settings: Analysis,
) -> Question:
    count = slow_answers(percentile)
    allowed = 1 - percentile.share
    nothing = Events(0, 0)
    usable = bound is not None
    return Question(
        percentile.name,
        count,
        count(entry.candidate) if usable else nothing,
        count(entry.stable) if usable else nothing,
        Events(slower(baseline, bound), baseline.timed) if usable else nothing,
        allowed=allowed,
        ratio=SLOW_RATIO,
        what=f"took longer than {_milliseconds(bound)}",
        limit=f"{100 * allowed:.3g} % longer than {_milliseconds(bound)}, "
        f"and {SLOW_RATIO:.3g} times stable's",
        dry_run=settings.latency.dry_run,
    )


def answer(
    question: Question,
    before: MeasureStatus | None,
    intervals: tuple[IntervalStatus, ...],
    *,
    counts: bool,
) -> MeasureStatus:
    """What all `intervals` show; the last one is evidence only where it `counts`."""
    stable = evidence_of(before.against_stable if before else None)
    limit = evidence_of(before.against_limit if before else None)
    if counts and question.candidate.of:
        limit = _bet(limit, question.candidate, question.allowed, evidence.PAIRED)
        stable = _bet_on_difference(stable, question)
    mine = sum((question.count(found.candidate) for found in intervals), Events(0, 0))
    theirs = sum((question.count(found.stable) for found in intervals), Events(0, 0))
    verdict = _verdict(question, stable, limit, mine)
    message = (
        f"{mine} of {mine.of} requests of the candidate and {theirs} of {theirs.of} of stable "
        f"{question.what}; allowed: {question.limit}."
        if mine.of
        else "Nothing to compare yet."
    )
    return MeasureStatus(
        name=question.name,
        verdict=verdict,
        candidate=str(mine),
        stable=str(theirs),
        limit=question.limit,
        samples=(before.samples if before else 0) + question.candidate.of,
        message=dry(message, dry_run=question.dry_run),
        failures=int(_is_proven(stable, limit)),
        against_stable=evidence_status(stable),
        against_limit=evidence_status(limit),
    )


def _bet(found: Evidence, events: Events, share: float, least_intervals: int) -> Evidence:
    odds = evidence.odds_of(share)
    return found.after(events.hits, events.of, odds, least_intervals=least_intervals)


def _bet_on_difference(found: Evidence, question: Question) -> Evidence:
    """Bet against what stable does at the same time: what hits both proves nothing.

    Without traffic there, bet against what it did before, and how uncertain that is.
    """
    candidate, stable = question.candidate, question.stable
    if stable.of >= _LEAST_SHARE * (candidate.of + stable.of):
        odds = question.ratio * candidate.of / stable.of
        return found.after(candidate.hits, candidate.hits + stable.hits, odds)
    known = question.baseline
    share = evidence.surely_below(known.hits, known.of) if known.hits else 0.0
    expected = min(max(question.allowed, question.ratio * share), 0.99)
    return _bet(found, candidate, expected, evidence.ALONE)


def _is_proven(stable: Evidence, limit: Evidence) -> bool:
    return stable.log >= evidence.PROOF and limit.log >= evidence.RELEVANCE


def _verdict(
    question: Question, stable: Evidence, limit: Evidence, seen: Events
) -> AnalysisVerdict:
    if seen.of == 0:
        return "NoData"
    if question.dry_run:
        return "Successful"
    if _is_proven(stable, limit):
        return "Failed"
    suspected = min(stable.log, limit.log) >= evidence.SUSPICION
    return "Inconclusive" if suspected else "Successful"


def _milliseconds(bound: int | None) -> str:
    return "stable's by far" if bound is None else f"{bound / 1000:g} ms"
