"""One measurement more, and what it makes of the verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cms_operator.api.analysis import BUILT_IN, Analysis, number
from cms_operator.api.analysis_status import (
    MOST_INTERVALS,
    AnalysisStatus,
    AnalysisVerdict,
    BaselineStatus,
    EvidenceStatus,
    IntervalStatus,
    MeasureStatus,
    TallyStatus,
)
from cms_operator.rollout.analysis import evidence
from cms_operator.rollout.analysis.counters import Counts, Tally
from cms_operator.rollout.analysis.evidence import Evidence
from cms_operator.rollout.analysis.readings import Reading
from cms_operator.rollout.analysis.tolerance import OF_BOTH, dry, take, tolerance_of

# Below this share of the traffic stable is no measure for what happens at the same time.
_LEAST_SHARE = 0.05
# As for errors: twice as many slow answers as stable has at the same time are no finding.
_SLOW_RATIO = 2.0
_PERCENTILES = {"latency-p50": 0.5, "latency-p99": 0.99}
# What stable did before the rollout is worth no more than so many requests: it may be long ago.
_HISTORY = 1000
# Fewer events than this in one interval make nobody look sooner.
_FEWEST = 3
_RANK: tuple[AnalysisVerdict, ...] = ("Failed", "Error", "Inconclusive", "NoData", "Successful")
# A sooner look would fall into the seconds in which only some pods have noticed.
_SOONER = frozenset(BUILT_IN) - {*OF_BOTH}


@dataclass(frozen=True, slots=True)
class Measured:
    """One interval. `unread` tells why no pod of the candidate could be read, though some serve.

    `readings` are measures that give their own verdict.
    """

    candidate: Tally
    stable: Tally
    readings: tuple[Reading, ...] = ()
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Events:
    """How many of a revision's requests went wrong in some way."""

    hits: int
    of: int

    @property
    def share(self) -> float:
        return self.hits / self.of if self.of else 0.0

    def __str__(self) -> str:
        return f"{100 * self.hits / self.of:.3g} %" if self.of else "no requests"


@dataclass(frozen=True, slots=True)
class Question:
    """Has the candidate more of these events than it may?

    `allowed` is a share, `ratio` how many times stable's it may be.
    """

    name: str
    candidate: Events
    stable: Events
    baseline: Events
    allowed: float
    ratio: float
    what: str
    limit: str
    dry_run: bool


def fold(
    before: AnalysisStatus,
    measured: Measured,
    settings: Analysis,
    now: datetime,
    *,
    judged: bool = True,
) -> AnalysisStatus:
    """Until it is `judged`, only what stable does is kept."""
    baseline = _counts(before.baseline)
    kept = before.model_copy(update={"baseline": _baseline(baseline, measured.stable)})
    if not judged:
        return kept
    bounds = {name: slow_bound(baseline, name, settings) for name in _PERCENTILES}
    entry = IntervalStatus(
        at=now,
        candidate=_tally(measured.candidate, bounds),
        stable=_tally(measured.stable, bounds),
    )
    intervals = (*before.intervals, entry)[-MOST_INTERVALS:]
    known = {found.name: found for found in before.measures}
    measures = [
        *(
            _answer(question, known.get(question.name), intervals, counts=_comparable(measured))
            for question in _questions(entry, baseline, bounds, settings)
        ),
        *(
            take(reading, known.get(reading.measure), tolerance_of(reading.measure, settings))
            for reading in (*health(measured), *measured.readings)
        ),
    ]
    named = {found.name for found in measures}
    wanted = {*BUILT_IN, *(found.name for found in settings.measures)} - named
    measures += [found for found in before.measures if found.name in wanted]
    errors = before.consecutive_errors + 1 if measured.unread else 0
    after = kept.model_copy(
        update={
            "intervals": intervals,
            "measures": tuple(measures),
            "measurements": before.measurements + (0 if measured.unread else 1),
            "samples": before.samples + measured.candidate.counts.requests,
            "consecutive_errors": errors,
        }
    )
    return _with_verdict(after, measured, settings)


def remember(found: AnalysisStatus, stable: Iterable[Counts]) -> AnalysisStatus:
    """Begin with what stable's pods have counted so far: they may be gone at the next look."""
    if found.baseline.requests or found.baseline.timed:
        return found
    history = sum(stable, Counts()).at_most(_HISTORY)
    return found.model_copy(update={"baseline": _baseline_status(history)})


def slow_bound(baseline: Counts, name: str, settings: Analysis) -> int | None:
    """Above it, an answer is slow: stable's percentile, surely not too low, times what is allowed.

    None where stable has had too few requests to tell, or the histogram ends below.
    """
    ratio = {
        "latency-p50": settings.latency.max_ratio_p50,
        "latency-p99": settings.latency.max_ratio_p99,
    }[name]
    bounds = sorted(baseline.within)
    base = next(
        (
            bound
            for bound in bounds
            if evidence.likely_below(baseline.timed - baseline.within[bound], baseline.timed)
            <= 1 - _PERCENTILES[name]
        ),
        None,
    )
    if base is None:
        return None
    return next((bound for bound in bounds if bound >= base * number(ratio)), None)


def _questions(
    entry: IntervalStatus,
    baseline: Counts,
    bounds: Mapping[str, int | None],
    settings: Analysis,
) -> Iterable[Question]:
    candidate, stable = entry.candidate, entry.stable
    errors = settings.errors
    yield Question(
        "errors",
        Events(candidate.errors, candidate.requests),
        Events(stable.errors, stable.requests),
        Events(baseline.errors, baseline.requests),
        allowed=number(errors.max_percent) / 100,
        ratio=number(errors.max_ratio),
        what="failed (status 5xx)",
        limit=f"{errors.max_percent} %, and {errors.max_ratio} times stable's",
        dry_run=errors.dry_run,
    )
    for name, share in _PERCENTILES.items():
        bound = bounds[name]
        usable = bound is not None
        yield Question(
            name,
            Events(_slow(candidate, name), candidate.timed if usable else 0),
            Events(_slow(stable, name), stable.timed if usable else 0),
            Events(_slower(baseline, bound), baseline.timed if usable else 0),
            allowed=1 - share,
            ratio=_SLOW_RATIO,
            what=f"took longer than {_milliseconds(bound)}",
            limit=f"{100 * (1 - share):.3g} % longer than {_milliseconds(bound)}, "
            f"and {_SLOW_RATIO:.3g} times stable's",
            dry_run=settings.latency.dry_run,
        )


def _answer(
    question: Question,
    before: MeasureStatus | None,
    intervals: tuple[IntervalStatus, ...],
    *,
    counts: bool,
) -> MeasureStatus:
    stable = _evidence(before.against_stable if before else None)
    limit = _evidence(before.against_limit if before else None)
    if counts and question.candidate.of:
        limit = _bet(limit, question.candidate, question.allowed, evidence.PAIRED)
        stable = _bet_on_difference(stable, question)
    mine, theirs = (_over(intervals, question.name, side) for side in ("candidate", "stable"))
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
        against_stable=_evidence_status(stable),
        against_limit=_evidence_status(limit),
    )


def _bet(found: Evidence, events: Events, share: float, least_intervals: int) -> Evidence:
    odds = evidence.odds_of(share)
    return found.after(events.hits, events.of, odds, least_intervals=least_intervals)


def _bet_on_difference(found: Evidence, question: Question) -> Evidence:
    """Against what stable does at the same time, so that what hits both says nothing.

    Without traffic there, against what it did before, and how uncertain that is.
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


def health(measured: Measured) -> Iterable[Reading]:
    """What the candidate's pods say of what they use. Stable without it too: no one's fault."""
    mine, theirs = measured.candidate, measured.stable
    if mine.pods == 0:
        return
    for name, away, both in (
        ("database", mine.without_database, theirs.without_database),
        ("cache", mine.without_cache, theirs.without_cache),
    ):
        what = f"{away} of {mine.pods} pods of the candidate cannot use the {name}"
        stable = f"{both} of {theirs.pods} of stable"
        passed = True if away == 0 else None if both else False
        yield Reading(name, value=away, passed=passed, detail=f"{what}, {stable}")


def _with_verdict(after: AnalysisStatus, measured: Measured, settings: Analysis) -> AnalysisStatus:
    found = {verdict: [m for m in after.measures if m.verdict == verdict] for verdict in _RANK}
    if found["Failed"]:
        return _saying(after, "Failed", _listed(found["Failed"]))
    if after.consecutive_errors > settings.consecutive_error_limit:
        return _saying(after, "Error", f"The candidate's pods cannot be read: {measured.unread}")
    for verdict in ("Error", "Inconclusive"):
        if found[verdict]:
            return _saying(after, verdict, _listed(found[verdict]))
    samples = next((m.samples for m in after.measures if m.name == "errors"), 0)
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
    last = found.intervals[-1:]
    limits = {"errors": (number(settings.errors.max_percent) / 100, settings.errors.max_ratio)}
    limits |= {name: (1 - share, _SLOW_RATIO) for name, share in _PERCENTILES.items()}
    return any(
        _stands_out(_over(last, name, "candidate"), _over(last, name, "stable"), *limit)
        for name, limit in limits.items()
    )


def _stands_out(mine: Events, theirs: Events, allowed: float, ratio: Any) -> bool:
    enough = mine.hits >= _FEWEST
    return enough and mine.share > max(allowed, number(ratio) * theirs.share)


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


# --- between the status and values


def _counts(found: BaselineStatus) -> Counts:
    within = dict(zip(found.bounds, found.within, strict=False))
    return Counts(found.requests, found.errors, found.timed, within)


def _baseline(known: Counts, stable: Tally) -> BaselineStatus:
    total = known + Counts(
        stable.counts.requests, stable.counts.errors, stable.warm.timed, stable.warm.within
    )
    return _baseline_status(total)


def _baseline_status(total: Counts) -> BaselineStatus:
    bounds = sorted(total.within)
    return BaselineStatus(
        requests=total.requests,
        errors=total.errors,
        timed=total.timed,
        bounds=tuple(bounds),
        within=tuple(total.within[bound] for bound in bounds),
    )


def _tally(found: Tally, bounds: Mapping[str, int | None]) -> TallyStatus:
    slow = {name: _slower(found.warm, bound) for name, bound in bounds.items()}
    return TallyStatus(
        requests=found.counts.requests,
        errors=min(found.counts.errors, found.counts.requests),
        timed=found.warm.timed,
        slow_p50=slow["latency-p50"],
        slow_p99=slow["latency-p99"],
    )


def _slower(counts: Counts, bound: int | None) -> int:
    return max(0, (counts.slower_than(bound) if bound is not None else None) or 0)


def _slow(found: TallyStatus, name: str) -> int:
    return {"latency-p50": found.slow_p50, "latency-p99": found.slow_p99}[name]


def _over(intervals: Iterable[IntervalStatus], name: str, side: str) -> Events:
    tallies: list[TallyStatus] = [getattr(found, side) for found in intervals]
    if name == "errors":
        return Events(sum(t.errors for t in tallies), sum(t.requests for t in tallies))
    return Events(sum(_slow(t, name) for t in tallies), sum(t.timed for t in tallies))


def _evidence(found: EvidenceStatus | None) -> Evidence:
    return Evidence(found.logs, found.moments) if found and found.logs else Evidence()


def _evidence_status(found: Evidence) -> EvidenceStatus:
    return EvidenceStatus(logs=found.logs, moments=found.moments)


def _milliseconds(bound: int | None) -> str:
    return "stable's by far" if bound is None else f"{bound / 1000:g} ms"
