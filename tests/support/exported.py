"""The series that the operator and the CMS export, and their labels, from their real registries."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics import MetricWrapperBase

from cms_operator.observability.families import FAMILIES, NAMED
from cms_operator.observability.fleet import FAILURES
from cms_operator.observability.metrics import REGISTRY
from cms_service.core.telemetry.metrics import Metrics

Series = dict[str, frozenset[str]]

# What Prometheus adds to every series, and what the chart's PodMonitor adds to those of pods.
TARGET = frozenset({"job", "instance", "namespace", "pod", "container", "endpoint"})
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_count", "_sum"),
    "summary": ("_count", "_sum"),
}


def own() -> Series:
    """The series, with the labels that the programs give them."""
    of_objects = {family.name: frozenset((*NAMED, *family.labels)) for family in FAMILIES}
    registries = {**_of(REGISTRY), **of_pods()}
    return {**of_objects, FAILURES: frozenset(NAMED), **registries}


def of_pods() -> Series:
    return _of(Metrics("a1b2").registry)


def scraped() -> Series:
    """The series as they are in Prometheus."""
    pods = of_pods()
    return {
        name: labels | TARGET | ({"name"} if name in pods else set())
        for name, labels in own().items()
    }


def _of(registry: CollectorRegistry) -> Series:
    found: Series = {}
    for collector in list(registry._collector_to_names):  # noqa: SLF001 - it has no public list
        for metric in collector.collect():
            labels = getattr(
                collector if isinstance(collector, MetricWrapperBase) else metric, "_labelnames", ()
            )
            for name, more in _names(metric):
                found[name] = frozenset((*labels, *more))
    return found


def _names(metric: Metric) -> Iterator[tuple[str, tuple[str, ...]]]:
    for suffix in _SUFFIXES.get(metric.type, ("",)):
        yield metric.name + suffix, ("le",) if suffix == "_bucket" else ()
