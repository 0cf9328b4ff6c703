"""What the operator does, and what it waits for."""

from dashboards.parts import Row, graph


def _rate(metric: str) -> str:
    return f"rate({metric}[$__rate_interval])"


def _by(label: str, metric: str) -> str:
    return f"sum by ({label}) ({_rate(metric)})"


def _p99(histogram: str, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile(0.99, {_by(labels, f'{histogram}_bucket')})"


OPERATOR = Row(
    "Operator",
    [
        graph(
            "Reconciles", {"{{outcome}}": _by("outcome", "hcms_operator_reconciles_total")}, "ops"
        ),
        graph(
            "Reconcile and wait for it, 99 of 100",
            {
                "reconcile": _p99("hcms_operator_reconcile_seconds"),
                "wait": _p99("hcms_operator_queue_wait_seconds"),
            },
            "s",
        ),
        graph(
            "Phases, 99 of 100", {"{{phase}}": _p99("hcms_operator_phase_seconds", "phase")}, "s"
        ),
        graph(
            "What breaks phases off",
            {"{{phase}}: {{error}}": _by("phase, error", "hcms_operator_phase_errors_total")},
            "ops",
        ),
        graph(
            "Queue",
            {
                "waiting": "sum(hcms_operator_queue_depth)",
                "being worked on": "sum(hcms_operator_queue_working)",
            },
        ),
        graph("Longest-waiting key", {"age": "max(hcms_operator_queue_oldest_seconds)"}, "s"),
        graph(
            "Put off after a failure",
            {"{{outcome}}": _by("outcome", "hcms_operator_queue_retries_total")},
            "ops",
        ),
        graph(
            "Objects that fail, the ten worst",
            {
                "{{namespace}}/{{name}}": "topk(10, max by (namespace, name)"
                " (hcms_operator_reconcile_failures))"
            },
        ),
        graph("Who leads", {"{{pod}}": "hcms_operator_leader"}),
        graph(
            "Lease",
            {
                "{{change}}": "sum by (change)"
                " (increase(hcms_operator_lease_transitions_total[1h]))",
                "failed renewals": "sum(increase(hcms_operator_lease_renew_failures_total[1h]))",
            },
        ),
        graph(
            "Lists of everything",
            {
                "{{outcome}}": "sum by (outcome) (increase(hcms_operator_resyncs_total[1h]))",
                "missed by the watches": "sum(increase(hcms_operator_missed_objects_total[1h]))",
            },
        ),
        graph(
            "Requests to the API server",
            {"{{verb}} {{code}}": _by("verb, code", "hcms_operator_api_requests_total")},
            "reqps",
        ),
        graph(
            "Its answers, 99 of 100",
            {"{{verb}}": _p99("hcms_operator_api_request_seconds", "verb")},
            "s",
        ),
        graph("Requests in flight", {"in flight": "sum(hcms_operator_api_requests_in_flight)"}),
        graph(
            "Watches",
            {
                "events": f"sum({_rate('hcms_operator_watch_events_total')})",
                "failures": f"sum({_rate('hcms_operator_watch_errors_total')})",
            },
            "ops",
        ),
        graph(
            "Spans of traces",
            {"{{outcome}}": _by("outcome", "hcms_operator_trace_spans_total")},
            "ops",
        ),
        graph(
            "Memory",
            {"{{pod}}": "process_resident_memory_bytes and on (pod) hcms_operator_build_info"},
            "bytes",
        ),
        graph(
            "CPU",
            {
                "{{pod}}": f"{_rate('process_cpu_seconds_total')}"
                " and on (pod) hcms_operator_build_info"
            },
        ),
    ],
)
