"""One rollout: how far it is, and how the new revision does beside the old one."""

from dashboards.parts import Dashboard, Row, graph, stat, table
from dashboards.selection import FAILED, READS, READY, VARIABLES, of, rate

# Pods tell their revision in one series alone.
_REVISION = f"on (namespace, pod) group_left (revision) {of('hcms_build_info')}"
_REQUESTS = f"sum by (revision) ({rate('hcms_http_requests_total')} * {_REVISION})"
_FAILED = f"sum by (revision) ({rate('hcms_http_requests_total', FAILED)} * {_REVISION})"
_BUCKETS = rate("hcms_http_request_duration_seconds_bucket", READS)


def _since(moment: str) -> str:
    return f"time() - max({of(f'hcms_rollout_{moment}_timestamp_seconds')})"


_NOW = Row(
    "Now; empty while none is under way",
    [
        stat("Steps done", f"max({of('hcms_rollout_steps_done')})"),
        stat("Steps", f"max({of('hcms_rollout_steps')})"),
        stat("Since it began", _since("started"), "s"),
        stat("In this phase or step", _since("since"), "s"),
        stat("No nearer to its goal", _since("lagging"), "s"),
        stat("Ready", f"max({of('hcms_condition', READY)})"),
        table(
            "Phase", f"max by (strategy, phase, revision, previous) ({of('hcms_rollout_phase')})"
        ),
        table("Reason", f"max by (reason) ({of('hcms_ready_reason')})"),
    ],
)
_COURSE = Row(
    "How far it is",
    [
        graph(
            "Weight of the new revision: wanted (set), in fact (actual), by requests (observed)",
            {"{{kind}}": f"max by (kind) ({of('hcms_rollout_weight_percent')})"},
            "percent",
        ),
        graph("Pods", {"{{revision}}": f"max by (revision) ({of('hcms_revision_replicas')})"}),
        graph(
            "Pods that serve",
            {"{{revision}}": f"max by (revision) ({of('hcms_revision_ready_replicas')})"},
        ),
    ],
)
_BESIDE = Row(
    "Revisions side by side",
    [
        graph("Requests", {"{{revision}}": _REQUESTS}, "reqps"),
        graph("Share of failures", {"{{revision}}": f"{_FAILED} / {_REQUESTS}"}, "percentunit"),
        graph(
            "Reads, 99 of 100",
            {
                "{{revision}}": "histogram_quantile(0.99,"
                f" sum by (le, revision) ({_BUCKETS} * {_REVISION}))"
            },
            "s",
        ),
    ],
)
ROLLOUT = Dashboard(
    "headlesscms-rollout", "Headless CMS: one rollout", [_NOW, _COURSE, _BESIDE], VARIABLES
)
