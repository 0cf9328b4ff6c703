"""The share of the traffic as the pods have seen it."""

from cms_operator.observed.snapshot import FULL

# Fewer requests than this say nothing of a share.
_FEWEST = 20


def observed_weight(candidate: float, stable: float) -> int | None:
    """The candidate's percentage of the requests that both have answered in the same time."""
    total = candidate + stable
    return round(FULL * candidate / total) if total >= _FEWEST else None
