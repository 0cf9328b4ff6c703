"""Whether a step that waits for a verdict is over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.fields.analysis import Analysis, AnalysisStep

Held = Literal["NoData", "Error", "Inconclusive"]
# An interval is longer where a measure is slow to answer, or where the operator was restarted.
_PATIENCE = 2


@dataclass(frozen=True, slots=True)
class Conclusion:
    """It passes, it fails for a reason, a person has to decide, or, with none of these, goes on."""

    passed: bool = False
    failure: str = ""
    held: Held | None = None
    message: str = ""


def conclude(
    found: AnalysisStatus | None,
    step: AnalysisStep,
    least_samples: int,
    settings: Analysis,
    now: datetime,
) -> Conclusion:
    """Whether the step may end. A failed verdict never comes here: it ends the rollout."""
    if found is None:
        return Conclusion()
    if found.held is not None:
        return Conclusion(held=found.held, message=found.message)
    if found.verdict == "Error":
        return _by(settings.on_error, "Error", found.message)
    if _is_enough(found, step, least_samples):
        return Conclusion(passed=True)
    if now < deadline(found, step, settings):
        return Conclusion()
    return _without_verdict(found, step, least_samples, settings, now)


def _is_enough(found: AnalysisStatus, step: AnalysisStep, least_samples: int) -> bool:
    return (
        found.measurements >= step.count
        and found.samples >= least_samples
        and found.verdict in ("Successful", "NoData")
        and found.consecutive_errors == 0
    )


def _without_verdict(
    found: AnalysisStatus,
    step: AnalysisStep,
    least_samples: int,
    settings: Analysis,
    now: datetime,
) -> Conclusion:
    if found.verdict == "Inconclusive":
        return Conclusion(held="Inconclusive", message=found.message)
    if found.consecutive_errors:
        return _by(settings.on_error, "Error", found.message)
    message = (
        f"Too little to judge by after {(now - found.since).total_seconds():.0f} s: "
        f"{found.samples} requests of the candidate, {least_samples} are needed; "
        f"{found.measurements} measurements, {step.count} are needed."
    )
    return _by(settings.on_no_data, "NoData", message)


def deadline(found: AnalysisStatus, step: AnalysisStep, settings: Analysis) -> datetime:
    """Many measurements take their time, which does not mean that there is little to measure."""
    missing = found.measurements < step.count
    takes = _PATIENCE * step.count * settings.interval_seconds if missing else 0
    return found.since + timedelta(seconds=max(settings.no_data_seconds, takes))


def _by(wish: str, held: Held, message: str) -> Conclusion:
    if wish == "Fail":
        return Conclusion(failure=message)
    return Conclusion(held=held, message=message) if wish == "Pause" else Conclusion()
