"""What is counted of requests is what the client library would count, and series are bounded."""

from collections.abc import Iterable, Iterator

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric

from cms_service.core.telemetry.plain_metrics import Counts, Histograms
from cms_service.core.telemetry.request_metrics import (
    MAX_TENANTS,
    OTHER_TENANTS,
    SECONDS,
    RequestMetrics,
)

REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST"]),
    st.sampled_from(["/a", "/b"]),
    st.sampled_from([200, 304, 500]),
    st.floats(0, 20) | st.sampled_from(SECONDS),
)


def samples(families: Iterable[Metric]) -> Iterator[tuple[str, frozenset[tuple[str, str]], float]]:
    for family in families:
        for name, labels, value, *_ in family.samples:
            if not name.endswith("_created"):
                yield name, frozenset(labels.items()), round(value, 9)


@given(st.lists(REQUESTS, max_size=30))
def test_requests_are_counted_as_the_client_library_counts(
    requests: list[tuple[str, str, int, float]],
) -> None:
    theirs, ours = CollectorRegistry(), RequestMetrics()
    counter = Counter("hcms_http_requests", "", ["method", "route", "status"], registry=theirs)
    name = "hcms_http_request_duration_seconds"
    seconds = Histogram(name, "", ["method", "route"], registry=theirs, buckets=SECONDS)
    for method, route, status, duration in requests:
        ours.observe(method, route, status, duration)
        counter.labels(method, route, status).inc()
        seconds.labels(method, route).observe(duration)
    counted = {found for found in samples(ours.collect()) if found[0].startswith("hcms_http_req")}
    assert counted - {("hcms_http_requests_in_progress", frozenset[tuple[str, str]](), 0)} == {
        *samples(theirs.collect())
    }


@given(st.lists(st.tuples(st.sampled_from(["GET", "EVAL"]), st.floats(0, 20)), max_size=30))
def test_commands_are_counted_as_the_client_library_counts(asked: list[tuple[str, float]]) -> None:
    theirs, ours = CollectorRegistry(), CollectorRegistry()
    their_count = Counter("hits", "", ["command"], registry=theirs)
    their_seconds = Histogram("seconds", "", ["command"], registry=theirs, buckets=SECONDS)
    our_count = Counts("hits", "", "command", ours)
    our_seconds = Histograms("seconds", "", "command", SECONDS, ours)
    for command, duration in asked:
        their_count.labels(command).inc()
        their_seconds.labels(command).observe(duration)
        our_count.labels(command).inc()
        our_seconds.labels(command).observe(duration)
    assert {*samples(ours.collect())} == {*samples(theirs.collect())}
    for names in (["hits_total"], ["seconds_bucket"]):
        wanted = ours.restricted_registry(names).collect()
        assert {*samples(wanted)} == {*samples(theirs.restricted_registry(names).collect())}


def test_tenants_beyond_the_bound_are_counted_together() -> None:
    metrics = RequestMetrics()
    for number in range(MAX_TENANTS + 3):
        metrics.observe_tenant(f"tenant-{number}", 200)
    metrics.observe_tenant("tenant-0", 404)
    counted = {
        (labels["tenant"], labels["status"]): value
        for family in metrics.collect()
        for name, labels, value, *_ in family.samples
        if name == "hcms_tenant_requests_total"
    }
    assert len(counted) == MAX_TENANTS + 2
    assert counted["tenant-0", "2xx"] == counted["tenant-0", "4xx"] == 1
    assert counted[OTHER_TENANTS, "2xx"] == 3


def outcomes(metrics: RequestMetrics) -> dict[tuple[str, str], float]:
    return {
        (labels["kind"], labels["outcome"]): value
        for family in metrics.collect()
        for name, labels, value, *_ in family.samples
        if name == "hcms_http_answers_total"
    }


def test_a_pods_first_failures_can_be_counted() -> None:
    """A rate needs the 0 that was there before."""
    kinds = ("delivery", "read", "write")
    before = {(kind, outcome): 0 for kind in kinds for outcome in ("ok", "failed")}
    metrics = RequestMetrics()
    assert outcomes(metrics) == before
    metrics.observe("GET", "/v1/delivery/{tenant}/{type_name}", 503, 0.1)
    metrics.observe("GET", "/v1/delivery/{tenant}/{type_name}", 500, 0.1)
    metrics.observe("HEAD", "/v1/delivery/{tenant}/{type_name}", 304, 0.1)
    metrics.observe("PATCH", "/v1/tenants/{tenant}", 503, 0.1)
    metrics.observe("GET", "/v1/tenants/{tenant}", 404, 0.1)
    metrics.observe("GET", "/health", 503, 0.1)
    assert outcomes(metrics) == before | {
        ("delivery", "failed"): 2,
        ("delivery", "ok"): 1,
        ("write", "failed"): 1,
        ("read", "ok"): 1,
    }


def test_words_that_are_no_methods_are_counted_together() -> None:
    metrics = RequestMetrics()
    for word in ("BREW", "get", "PROPFIND"):
        metrics.observe(word, "unmatched", 404, 0.1)
    found = {(name, labels): value for name, labels, value in samples(metrics.collect())}
    labels = {("method", "OTHER"), ("route", "unmatched"), ("status", "404")}
    assert found["hcms_http_requests_total", frozenset(labels)] == 3
