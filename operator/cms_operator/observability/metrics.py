"""What the operator counts of its own work; of each HeadlessCMS fleet.py tells.

Labels are bounded: fixed words and the names of kinds, never those of objects.
"""

from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from cms_operator import VERSION
from cms_operator.api.fields.rollout import Strategy
from cms_operator.reporting.endings import OUTCOMES

REGISTRY = CollectorRegistry()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ROLLOUT_SECONDS = (30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400)

# A reconcile, and each of its phases.
RECONCILES = Counter(
    "hcms_operator_reconciles", "Reconciles by their outcome.", ["outcome"], registry=REGISTRY
)
RECONCILE_SECONDS = Histogram(
    "hcms_operator_reconcile_seconds",
    "Time that a reconcile took.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
PHASE_SECONDS = Histogram(
    "hcms_operator_phase_seconds",
    "Time that one phase of a reconcile took.",
    ["phase"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
PHASE_ERRORS = Counter(
    "hcms_operator_phase_errors",
    "Phases that broke a reconcile off, by the kind of exception.",
    ["phase", "error"],
    registry=REGISTRY,
)
ROLLOUT_SECONDS = Histogram(
    "hcms_operator_rollout_seconds",
    "Rollouts that are over, by their outcome, and how long they took.",
    ["strategy", "outcome"],
    buckets=_ROLLOUT_SECONDS,
    registry=REGISTRY,
)

# The queue.
QUEUE_WAIT_SECONDS = Histogram(
    "hcms_operator_queue_wait_seconds",
    "Time that a key waited for a worker.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
QUEUE_DEPTH = Gauge("hcms_operator_queue_depth", "Keys that wait for a worker.", registry=REGISTRY)
QUEUE_WORKING = Gauge(
    "hcms_operator_queue_working", "Keys that are being worked on.", registry=REGISTRY
)
QUEUE_OLDEST_SECONDS = Gauge(
    "hcms_operator_queue_oldest_seconds", "Age of the longest-waiting key.", registry=REGISTRY
)
QUEUE_RETRIES = Counter(
    "hcms_operator_queue_retries",
    "Keys that were put off after a failure, by its outcome.",
    ["outcome"],
    registry=REGISTRY,
)

# The API server.
API_REQUESTS = Counter(
    "hcms_operator_api_requests",
    "Requests to the API server; code 0 is no answer.",
    ["verb", "resource", "code"],
    registry=REGISTRY,
)
API_FORBIDDEN = Counter(
    "hcms_operator_api_forbidden",
    "Requests for which the operator had no right, or no valid credentials.",
    ["verb", "resource"],
    registry=REGISTRY,
)
API_SECONDS = Histogram(
    "hcms_operator_api_request_seconds",
    "Time until the API server's answer was read.",
    ["verb", "resource"],
    buckets=_REQUEST_SECONDS,
    registry=REGISTRY,
)
API_IN_FLIGHT = Gauge(
    "hcms_operator_api_requests_in_flight",
    "Requests whose answer is not there yet.",
    registry=REGISTRY,
)
WATCH_EVENTS = Counter(
    "hcms_operator_watch_events",
    "Events that the watches brought.",
    ["resource"],
    registry=REGISTRY,
)
WATCH_ERRORS = Counter(
    "hcms_operator_watch_errors",
    "Watches that were refused or broke off, and their requests that had to be sent again.",
    ["resource"],
    registry=REGISTRY,
)
RESYNCS = Counter(
    "hcms_operator_resyncs",
    "Lists of everything, by their outcome.",
    ["outcome"],
    registry=REGISTRY,
)
RESYNC_SECONDS = Histogram(
    "hcms_operator_resync_seconds",
    "Time that a list of everything took.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
MISSED = Counter(
    "hcms_operator_missed_objects",
    "HeadlessCMS objects of which a list showed what no watch had told.",
    registry=REGISTRY,
)

# The lease.
LEADER = Gauge("hcms_operator_leader", "1 where this process does the work.", registry=REGISTRY)
LEASE_TRANSITIONS = Counter(
    "hcms_operator_lease_transitions",
    "Leases that this process has won, lost and released.",
    ["change"],
    registry=REGISTRY,
)
LEASE_RENEW_FAILURES = Counter(
    "hcms_operator_lease_renew_failures", "Renewals that failed.", registry=REGISTRY
)

# The operator itself.
TRACE_SPANS = Counter(
    "hcms_operator_trace_spans",
    "Spans that were recorded: exported to the collector, or dropped.",
    ["outcome"],
    registry=REGISTRY,
)
OBJECTS = Gauge("hcms_operator_objects", "HeadlessCMS objects that are known.", registry=REGISTRY)
BUILD_INFO = Gauge("hcms_operator_build_info", "Always 1.", ["version"], registry=REGISTRY)
ProcessCollector(registry=REGISTRY)


BUILD_INFO.labels(VERSION).set(1)
# From the start: the rate of a series that begins with its first event misses this event.
for strategy, end in product(get_args(Strategy), OUTCOMES):
    ROLLOUT_SECONDS.labels(strategy, end)
