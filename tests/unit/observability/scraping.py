"""Metrics as Prometheus reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from cms_operator.observability.fleet import Fleet

Labels = tuple[tuple[str, str], ...]
MOMENT = "2026-11-23T12:00:00Z"
SECONDS = 1_795_435_200.0


def shop(
    status: Mapping[str, Any] | None = None,
    spec: Mapping[str, Any] | None = None,
    *,
    name: str = "shop",
) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": "team-a",
            "name": name,
            "generation": 2,
            "creationTimestamp": MOMENT,
        },
        "spec": {"replicas": 3, **(spec or {})},
        "status": status or {},
    }


def scrape(text: bytes) -> dict[str, dict[Labels, float]]:
    """Samples by the name of their metric and their labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        found.setdefault(family.name, {})
        for sample in family.samples:
            series = found.setdefault(sample.name, {})
            labels = tuple(sorted(sample.labels.items()))
            assert labels not in series, "one series twice"
            series[labels] = sample.value
    return found


def shown(
    *objects: Mapping[str, Any], failures: Iterable[tuple[tuple[str, str], int]] = ()
) -> dict[str, dict[Labels, float]]:
    return scrape(b"".join(Fleet(objects, failures).text()))


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0
