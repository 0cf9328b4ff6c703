"""Counters and histograms in plain numbers, put together when Prometheus asks: the client library's
own take a lock for each step, and all of these belong to one thread.
"""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector


class Count:
    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self) -> None:
        self.value += 1


class Counts(Collector):
    def __init__(
        self, name: str, documentation: str, label: str, registry: CollectorRegistry
    ) -> None:
        self._of_family = name, documentation
        self._label = label
        self._counts: dict[str, Count] = {}
        registry.register(self)

    def labels(self, value: str) -> Count:
        return self._counts.setdefault(value, Count())

    def describe(self) -> Iterator[Metric]:
        """The registry has to know the name before there are samples."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(*self._of_family, labels=[self._label])
        for value, count in self._counts.items():
            family.add_metric([value], count.value)
        yield family


class Durations:
    """The durations of one series, each counted in the first bucket that it fits."""

    __slots__ = ("_bounds", "buckets", "seconds")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(self._bounds, seconds)] += 1
        self.seconds += seconds

    @property
    def count(self) -> int:
        return sum(self.buckets)

    def add(self, other: "Durations") -> None:
        self.buckets = [*map(sum, zip(self.buckets, other.buckets, strict=True))]
        self.seconds += other.seconds

    def add_to(self, family: HistogramMetricFamily, labels: list[str]) -> None:
        names = (*map(str, self._bounds), "+Inf")
        buckets = [*zip(names, accumulate(self.buckets), strict=True)]
        family.add_metric(labels, buckets, self.seconds)


class Histograms(Collector):
    def __init__(
        self,
        name: str,
        documentation: str,
        label: str,
        bounds: tuple[float, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._of_family = name, documentation
        self._label = label
        self._bounds = bounds
        self._durations: dict[str, Durations] = {}
        registry.register(self)

    def labels(self, value: str) -> Durations:
        found = self._durations.get(value)
        if found is None:
            found = self._durations[value] = Durations(self._bounds)
        return found

    def describe(self) -> Iterator[Metric]:
        """The registry has to know the name before there are samples."""
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(*self._of_family, labels=[self._label])
        for value, durations in self._durations.items():
            durations.add_to(family, [value])
        yield family
