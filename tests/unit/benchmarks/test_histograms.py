"""Quantiles are those that Prometheus would show."""

from math import isnan

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from benchmarks.histograms import buckets, quantile, total

INF = float("inf")


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({1.0: 10, 2.0: 10, INF: 10}, 0.5, 0.5),
        ({1.0: 0, 2.0: 10, INF: 10}, 0.5, 1.5),
        ({1.0: 5, 2.0: 10, INF: 10}, 0.5, 1.0),
        ({1.0: 5, 2.0: 9, INF: 10}, 0.99, 2.0),
    ],
)
def test_a_quantile_is_taken_within_its_bucket(
    counts: dict[float, float], share: float, expected: float
) -> None:
    assert quantile({}, counts, share) == pytest.approx(expected)


def test_only_what_came_since_counts() -> None:
    before = {1.0: 100.0, 2.0: 100.0, INF: 100.0}
    after = {1.0: 100.0, 2.0: 104.0, INF: 104.0}
    assert quantile(before, after, 0.5) == pytest.approx(1.5)


def test_of_nothing_there_is_no_quantile() -> None:
    assert isnan(quantile({1.0: 3, INF: 3}, {1.0: 3, INF: 3}, 0.5))


def test_a_process_is_read_as_it_shows_itself() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("wait_seconds", "W.", buckets=(1, 2), registry=registry)
    counter = Counter("done", "D.", ["outcome"], registry=registry)
    for size in (0.5, 1.5, 9):
        histogram.observe(size)
        counter.labels(f"after {size}").inc(2)
    text = generate_latest(registry).decode()
    assert buckets(text, "wait_seconds") == {1.0: 1, 2.0: 2, INF: 3}
    assert total(text, "done_total") == 6
