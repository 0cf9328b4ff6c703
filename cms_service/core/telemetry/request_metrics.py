"""What is counted of every request."""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from cms_service.core.telemetry.plain_metrics import Durations

# One more than is likely in one deployment; what a series costs is some 2 kB in Prometheus.
MAX_TENANTS = 1000
# No tenant can have this name.
OTHER_TENANTS = "_other"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# Bounds of the buckets.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_KINDS = ("delivery", "read", "write")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
# Of the routes' templates, as the requests bring them.
_DELIVERY, _HEALTH = "/v1/delivery/", "/health"


class RequestMetrics(Collector):
    """Labels are bounded: route templates and fixed words, never a client's text."""

    def __init__(self) -> None:
        self.in_progress = 0
        self._answers: dict[tuple[str, str, int], Durations] = {}
        self._tenants: dict[str, Counter[int]] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        answers = self._answers.get((method, route, status))
        if answers is None:
            key = (known_method(method, other="OTHER"), route, status)
            answers = self._answers.setdefault(key, Durations(SECONDS))
        answers.observe(seconds)

    def observe_tenant(self, tenant: str, status: int) -> None:
        """`tenant` exists: a client's own text would be a series."""
        counts = self._tenants.get(tenant)
        if counts is None:
            name = tenant if len(self._tenants) < MAX_TENANTS else OTHER_TENANTS
            counts = self._tenants.setdefault(name, Counter())
        counts[status // 100] += 1

    def describe(self) -> Iterator[Metric]:
        """The registry has to know the names before there are samples."""
        return RequestMetrics().collect()

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "hcms_http_requests",
            "Requests answered; errors are those with a status of 5xx.",
            labels=["method", "route", "status"],
        )
        timed: dict[tuple[str, str], Durations] = {}
        for (method, route, status), answers in self._answers.items():
            requests.add_metric([method, route, str(status)], answers.count)
            timed.setdefault((method, route), Durations(SECONDS)).add(answers)
        yield requests
        yield _outcomes(self._answers)
        yield _durations(timed)
        yield self._by_tenant()
        yield GaugeMetricFamily(
            "hcms_http_requests_in_progress", "Requests being answered.", self.in_progress
        )

    def _by_tenant(self) -> Metric:
        family = CounterMetricFamily(
            "hcms_tenant_requests",
            f"Requests let in, by tenant: the first {MAX_TENANTS}, {OTHER_TENANTS} beyond.",
            labels=["tenant", "status"],
        )
        for tenant, counts in self._tenants.items():
            for kind, count in counts.items():
                family.add_metric([tenant, f"{kind}xx"], count)
        return family


def _outcomes(answers: dict[tuple[str, str, int], Durations]) -> Metric:
    """Count with what has not happened yet: the rate of a series that begins with its first event
    misses this event, and an alert has to know of a pod's first failures.
    """
    family = CounterMetricFamily(
        "hcms_http_answers",
        "Requests but health checks, by kind; failed are those with a status of 5xx.",
        labels=["kind", "outcome"],
    )
    counts: Counter[tuple[str, bool]] = Counter()
    for (method, route, status), answered in answers.items():
        if route != _HEALTH:
            counts[_kind(method, route), status >= HTTPStatus.INTERNAL_SERVER_ERROR] += (
                answered.count
            )
    for kind in _KINDS:
        family.add_metric([kind, "ok"], counts[kind, False])
        family.add_metric([kind, "failed"], counts[kind, True])
    return family


def _kind(method: str, route: str) -> str:
    """Name whom the request served: readers of published content, or who manages it."""
    if route.startswith(_DELIVERY):
        return "delivery"
    return "read" if method in _READING else "write"


def _durations(timed: dict[tuple[str, str], Durations]) -> Metric:
    family = HistogramMetricFamily(
        "hcms_http_request_duration_seconds",
        "From the request's headers to the end of the answer.",
        labels=["method", "route"],
    )
    for labels, answers in timed.items():
        answers.add_to(family, [*labels])
    return family


def known_method(method: str, other: str = "_OTHER") -> str:
    """Clients may send any word. OpenTelemetry has its own for the others."""
    return method if method in _METHODS else other
