"""One measurement more, and what it makes of the verdict."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cms_operator.api.analysis_status import (
    MOST_INTERVALS,
    AnalysisStatus,
    AnalysisVerdict,
    BaselineStatus,
    IntervalStatus,
    MeasureStatus,
)
from cms_operator.api.fields.analysis import Analysis, BuiltIn, number
from cms_operator.rollout.analysis import status_values
from cms_operator.rollout.analysis.counters import Counts, Tally
from cms_operator.rollout.analysis.percentiles import PERCENTILES, slow_bounds
from cms_operator.rollout.analysis.questions import (
    SLOW_RATIO,
    Count,
    Events,
    Question,
    answer,
    failures,
    questions,
    slow_answers,
)
from cms_operator.rollout.analysis.readings import Reading
from cms_operator.rollout.analysis.tolerance import OF_BOTH, take, tolerance_of

# What stable did before the rollout is worth no more than so many requests: it may be long ago.
_HISTORY = 1000
# Fewer events than this in one interval make nobody look sooner.
_FEWEST = 3
_RANK: tuple[AnalysisVerdict, ...] = ("Failed", "Error", "Inconclusive", "NoData", "Successful")
# A sooner look would fall into the seconds in which only some pods have noticed.
_SOONER = frozenset[str](BuiltIn) - {*OF_BOTH}


@dataclass(frozen=True, slots=True)
class Measured:
    """One interval. `unread` tells why no pod of the candidate could be read, though some serve.

    `readings` are measures that give their own verdict.
    """

    candidate: Tally
    stable: Tally
    readings: tuple[Reading, ...] = ()
    unread: str = ""


def fold(
    before: AnalysisStatus,
    measured: Measured,
    settings: Analysis,
    now: datetime,
    *,
    judged: bool = True,
) -> AnalysisStatus:
    """Add an interval and judge anew; until it is `judged`, only stable's baseline grows."""
    baseline = status_values.counts_of(before.baseline)
    kept = before.model_copy(update={"baseline": _grown(baseline, measured.stable)})
    if not judged:
        return kept
    bounds = slow_bounds(baseline, settings)
    entry = IntervalStatus(
        at=now,
        candidate=status_values.tally_status(measured.candidate, bounds),
        stable=status_values.tally_status(measured.stable, bounds),
    )
    intervals = (*before.intervals, entry)[-MOST_INTERVALS:]
    asked = questions(entry, baseline, bounds, settings)
    errors = before.consecutive_errors + 1 if measured.unread else 0
    after = kept.model_copy(
        update={
            "intervals": intervals,
            "measures": _measures(before, measured, asked, intervals, settings),
            "measurements": before.measurements + (0 if measured.unread else 1),
            "samples": before.samples + measured.candidate.counts.requests,
            "consecutive_errors": errors,
        }
    )
    return _with_verdict(after, measured, settings)


def _measures(
    before: AnalysisStatus,
    measured: Measured,
    asked: Iterable[Question],
    intervals: tuple[IntervalStatus, ...],
    settings: Analysis,
) -> tuple[MeasureStatus, ...]:
    """The measures of this interval, and after them the others as they were."""
    known = {found.name: found for found in before.measures}
    comparable = _comparable(measured)
    answers = [
        answer(question, known.get(question.name), intervals, counts=comparable)
        for question in asked
    ]
    taken = [
        take(reading, known.get(reading.measure), tolerance_of(reading.measure, settings))
        for reading in (*health(measured), *measured.readings)
    ]
    measures = (*answers, *taken)
    wanted = {*BuiltIn, *(found.name for found in settings.measures)}
    wanted -= {found.name for found in measures}
    return (*measures, *(found for found in before.measures if found.name in wanted))


def _grown(baseline: Counts, stable: Tally) -> BaselineStatus:
    new = Counts(
        stable.counts.requests, stable.counts.errors, stable.warm.timed, stable.warm.within
    )
    return status_values.baseline_status(baseline + new)


def remember(found: AnalysisStatus, stable: Iterable[Counts]) -> AnalysisStatus:
    """Begin with what stable's pods have counted so far: they may be gone at the next look."""
    if found.baseline.requests or found.baseline.timed:
        return found
    history = sum(stable, Counts()).at_most(_HISTORY)
    return found.model_copy(update={"baseline": status_values.baseline_status(history)})


def health(measured: Measured) -> Iterable[Reading]:
    """Whether the candidate's pods reach database and cache; undecided if stable's do not."""
    mine, theirs = measured.candidate, measured.stable
    if mine.pods == 0:
        return
    for name, away, both in (
        (BuiltIn.DATABASE, mine.without_database, theirs.without_database),
        (BuiltIn.CACHE, mine.without_cache, theirs.without_cache),
    ):
        what = f"{away} of {mine.pods} pods of the candidate cannot use the {name}"
        stable = f"{both} of {theirs.pods} of stable"
        passed = True if away == 0 else None if both else False
        yield Reading(name, away, both, passed=passed, detail=f"{what}, {stable}")


def _with_verdict(after: AnalysisStatus, measured: Measured, settings: Analysis) -> AnalysisStatus:
    found = {verdict: [m for m in after.measures if m.verdict == verdict] for verdict in _RANK}
    if found["Failed"]:
        return _saying(after, "Failed", _listed(found["Failed"]))
    if after.consecutive_errors > settings.consecutive_error_limit:
        return _saying(after, "Error", f"The candidate's pods cannot be read: {measured.unread}")
    for verdict in ("Error", "Inconclusive"):
        if found[verdict]:
            return _saying(after, verdict, _listed(found[verdict]))
    samples = next((m.samples for m in after.measures if m.name == BuiltIn.ERRORS), 0)
    if samples < settings.min_samples:
        few = f"{samples} requests of the candidate, {settings.min_samples} are needed to judge."
        return _saying(after, "NoData", few)
    return _saying(after, "Successful", _listed(found["Successful"][:3]))


def _saying(after: AnalysisStatus, verdict: AnalysisVerdict, message: str) -> AnalysisStatus:
    return after.model_copy(update={"verdict": verdict, "message": message[:1024]})


def _listed(measures: Iterable[MeasureStatus]) -> str:
    return " ".join(f"{found.name}: {found.message}" for found in measures)


def is_suspicious(found: AnalysisStatus, settings: Analysis) -> bool:
    """Something may be wrong: measure again sooner."""
    if any(m.verdict == "Inconclusive" and m.name in _SOONER for m in found.measures):
        return True
    if not found.intervals:
        return False
    last, errors = found.intervals[-1], settings.errors
    limits: list[tuple[Count, float, float]] = [
        (failures, number(errors.max_percent) / 100, number(errors.max_ratio)),
        *((slow_answers(each), 1 - each.share, SLOW_RATIO) for each in PERCENTILES),
    ]
    return any(
        _stands_out(count(last.candidate), count(last.stable), allowed, ratio)
        for count, allowed, ratio in limits
    )


def _stands_out(mine: Events, theirs: Events, allowed: float, ratio: float) -> bool:
    enough = mine.hits >= _FEWEST
    return enough and mine.share > max(allowed, ratio * theirs.share)


def _comparable(measured: Measured) -> bool:
    """Errors without the database or the cache, which stable lacks too, prove nothing.

    Where stable has no pod to tell, the measure of that name has the word.
    """
    mine, theirs = measured.candidate, measured.stable
    return not any(
        away and (both or theirs.pods == 0)
        for away, both in (
            (mine.without_database, theirs.without_database),
            (mine.without_cache, theirs.without_cache),
        )
    )
