"""All deployments, and the operator that runs them."""

from dashboards.operator_rows import OPERATOR
from dashboards.parts import Dashboard, Row, graph, stat, table

_BY = "by (namespace, name)"
_READY = 'hcms_condition{type="Ready", status="True"}'
_NOT_READY = 'hcms_condition{type="Ready", status="False"}'
_WHO = "{{namespace}}/{{name}}"


def _each(metric: str) -> str:
    """Once, where two replicas of the operator tell of it."""
    return f"max {_BY} ({metric})"


def _count(condition: str, status: str) -> str:
    found = _each(f'hcms_condition{{type="{condition}", status="{status}"}}')
    return f"count({found} == 1) or vector(0)"


_NOW = Row(
    "Now",
    [
        stat("Deployments", "sum(max by (namespace, job) (hcms_operator_objects))"),
        stat("Ready", _count("Ready", "True")),
        stat("Not Ready", _count("Ready", "False")),
        stat("Stalled", _count("Stalled", "True")),
        stat("Nothing serves", _count("Available", "False")),
        stat("Rollouts under way", f"count({_each('hcms_rollout_phase')}) or vector(0)"),
        table(
            "Not Ready, and why",
            "max by (namespace, name, reason) (hcms_ready_reason)"
            f" and on (namespace, name) {_each(_NOT_READY)} == 1",
        ),
        table(
            "Rollouts under way",
            "max by (namespace, name, strategy, phase, revision) (hcms_rollout_phase)",
        ),
    ],
)
_DEPLOYMENTS = Row(
    "Deployments",
    [
        graph("Ready", {"ready": f"sum({_each(_READY)})"}),
        graph(
            "Versions",
            {"{{version}}": "count by (version) (max by (namespace, name, version) (hcms_info))"},
        ),
        graph(
            "Rollouts that ended",
            {
                "{{outcome}}": "sum by (outcome)"
                " (increase(hcms_operator_rollout_seconds_count[$__rate_interval]))"
            },
        ),
        graph(
            "Duration of rollouts, median",
            {
                "{{strategy}}": "histogram_quantile(0.5, sum by (le, strategy)"
                " (rate(hcms_operator_rollout_seconds_bucket[1d])))"
            },
            "s",
        ),
        graph(
            "Share of failed requests, the ten highest",
            {f"{_WHO} {{{{kind}}}}": "topk(10, hcms:errors:rate5m / hcms:requests:rate5m)"},
            "percentunit",
        ),
        graph(
            "Share of slow reads, the ten highest",
            {_WHO: "topk(10, hcms:slow_reads:rate5m / hcms:reads:rate5m)"},
            "percentunit",
        ),
        graph("Requests", {"requests": "sum(hcms:requests:rate5m)"}, "reqps"),
        graph(
            "Pods",
            {
                "wanted": f"sum({_each('hcms_spec_replicas')})",
                "ready": f"sum({_each('hcms_status_ready_replicas')})",
            },
        ),
        graph(
            "Autoscalers at their maximum",
            {
                "at the maximum": f"count({_each('hcms_spec_replicas')}"
                f" >= {_each('hcms_spec_max_replicas')}"
                f" unless {_each('hcms_spec_max_replicas')} == {_each('hcms_spec_min_replicas')}"
                ") or vector(0)"
            },
        ),
    ],
)
FLEET = Dashboard("headlesscms-fleet", "Headless CMS: fleet", [_NOW, _DEPLOYMENTS, OPERATOR])
