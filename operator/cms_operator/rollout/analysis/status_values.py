"""The analysis as the status keeps it, and the values that it is judged by."""

from cms_operator.api.analysis_status import BaselineStatus, EvidenceStatus, TallyStatus
from cms_operator.rollout.analysis.counters import Counts, Tally
from cms_operator.rollout.analysis.evidence import Evidence
from cms_operator.rollout.analysis.percentiles import P50, P99, SlowBounds, slower


def counts_of(found: BaselineStatus) -> Counts:
    within = dict(zip(found.bounds, found.within, strict=False))
    return Counts(found.requests, found.errors, found.timed, within)


def baseline_status(total: Counts) -> BaselineStatus:
    bounds = sorted(total.within)
    return BaselineStatus(
        requests=total.requests,
        errors=total.errors,
        timed=total.timed,
        bounds=tuple(bounds),
        within=tuple(total.within[bound] for bound in bounds),
    )


def tally_status(found: Tally, bounds: SlowBounds) -> TallyStatus:
    return TallyStatus(
        requests=found.counts.requests,
        errors=min(found.counts.errors, found.counts.requests),
        timed=found.warm.timed,
        slow_p50=slower(found.warm, bounds[P50.name]),
        slow_p99=slower(found.warm, bounds[P99.name]),
    )


def evidence_of(found: EvidenceStatus | None) -> Evidence:
    return Evidence(found.logs, found.moments) if found and found.logs else Evidence()


def evidence_status(found: Evidence) -> EvidenceStatus:
    return EvidenceStatus(logs=found.logs, moments=found.moments)
