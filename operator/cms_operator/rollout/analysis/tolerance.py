"""Measures that come with a verdict of their own, and how many bad ones are tolerated."""

from dataclasses import dataclass

from cms_operator.api.analysis_status import LONGEST_MESSAGE, AnalysisVerdict, MeasureStatus
from cms_operator.api.fields.analysis import Analysis, BuiltIn
from cms_operator.rollout.analysis.readings import Reading

# Both revisions use them: one pod may notice seconds before another that they are away.
OF_BOTH = (BuiltIn.DATABASE, BuiltIn.CACHE)
_BUILT_IN = frozenset[str](BuiltIn)


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How a reading of one measure is taken. Failures add up, or only while `in_a_row`. `bounds`
    are those of its value, in words.
    """

    failure_limit: int = 0
    in_a_row: bool = False
    consecutive_error_limit: int = 4
    dry_run: bool = False
    bounds: str = ""

    @property
    def limit(self) -> str:
        failures = f"failureLimit {self.failure_limit}{' in a row' if self.in_a_row else ''}"
        return f"{self.bounds}, {failures}" if self.bounds else failures


def take(reading: Reading, before: MeasureStatus | None, tolerance: Tolerance) -> MeasureStatus:
    """A measure that has its own verdict. Errors count while they last."""
    ended = tolerance.in_a_row and reading.passed is not False
    failures = before.failures if before and not ended else 0
    errors = (before.consecutive_errors if before else 0) + 1 if reading.error else 0
    failures += reading.passed is False and not reading.error
    found = MeasureStatus(
        name=reading.measure,
        verdict="Successful",
        candidate=_number(reading.value),
        stable=_number(reading.stable),
        limit=tolerance.limit,
        samples=(before.samples if before else 0) + (not reading.error),
        failures=failures,
        consecutive_errors=errors,
    )
    words = dry(_words(found, reading), dry_run=tolerance.dry_run)
    verdict = _verdict_of(found, reading, tolerance)
    return found.model_copy(update={"verdict": verdict, "message": words})


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _verdict_of(found: MeasureStatus, reading: Reading, tolerance: Tolerance) -> AnalysisVerdict:
    if tolerance.dry_run:
        return "Successful"
    if found.failures > tolerance.failure_limit:
        return "Failed"
    if reading.error:
        late = found.consecutive_errors > tolerance.consecutive_error_limit
        return "Error" if late else "Inconclusive"
    return "Successful" if reading.passed else "Inconclusive"


def _words(found: MeasureStatus, reading: Reading) -> str:
    if reading.error:
        return f"No answer: {reading.error}"
    return (
        f"{reading.detail or found.candidate}; {found.failures} of {found.samples} measurements "
        f"failed; allowed: {found.limit}."
    )


def dry(message: str, *, dry_run: bool) -> str:
    return (f"Decides nothing (dryRun): {message}" if dry_run else message)[:LONGEST_MESSAGE]


def tolerance_of(name: str, settings: Analysis) -> Tolerance:
    if name in _BUILT_IN:
        found = settings.health_of(BuiltIn(name))
        return Tolerance(found.failure_limit, name in OF_BOTH, dry_run=found.dry_run)
    for measure in settings.measures:
        if measure.name == name:
            parts = (("at least", measure.min), ("at most", measure.max))
            bounds = " and ".join(f"{word} {value}" for word, value in parts if value is not None)
            return Tolerance(
                measure.failure_limit,
                consecutive_error_limit=measure.consecutive_error_limit,
                dry_run=measure.dry_run,
                bounds=bounds,
            )
    # The spec had it when it was measured, and has it no longer.
    return Tolerance(dry_run=True)
