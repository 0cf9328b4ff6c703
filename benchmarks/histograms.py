"""Quantiles of what a process has counted between two looks at its metrics."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

Buckets = Mapping[float, float]


def buckets(exposition: str, name: str, /, **labels: str) -> dict[float, float]:
    """How many observations of a histogram were at most so large, by that size.

    It has no other labels than these.
    """
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items()
    }


def quantile(before: Buckets, after: Buckets, share: float) -> float:
    """The same as Prometheus' histogram_quantile: linear within the bucket; NaN where nothing was
    counted.

    What is beyond the largest bucket counts as large as that.
    """
    sizes = sorted(after)
    counts = [after[size] - before.get(size, 0.0) for size in sizes]
    rank = share * counts[-1]
    if not counts[-1]:
        return float("nan")
    place = next(i for i, count in enumerate(counts) if count >= rank)
    if place == len(sizes) - 1:
        return sizes[place - 1]
    low, below = (sizes[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    return low + (sizes[place] - low) * (rank - below) / (counts[place] - below)


def total(exposition: str, name: str, /, **labels: str) -> float:
    """The sum of a metric over all its other labels."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )
