"""One HeadlessCMS: what it is, and what its pods do."""

from dashboards.parts import Dashboard, Row, graph, stat, table
from dashboards.selection import FAILED, READS, READY, VARIABLES, of, quantile, rate

_REQUESTS = rate("hcms_http_requests_total")
_DURATION = "hcms_http_request_duration_seconds"
_HITS = f"sum by (layer) ({rate('hcms_cache_hits_total')})"
_MISSES = f"sum by (layer) ({rate('hcms_cache_misses_total')})"
_PRIMARY = of("hcms_database_up", 'database="primary"')
_KEY = of("hcms_jwt_keys_since_timestamp_seconds")


def _spent(window: str) -> str:
    """1 uses up the month's errors in a month."""
    return f"{of(f'hcms:errors:rate{window}')} / {of(f'hcms:requests:rate{window}')} / 0.001"


_NOW = Row(
    "Now",
    [
        stat("Ready", f"max({of('hcms_condition', READY)})"),
        stat("Pods that answer", f"max({of('hcms_status_ready_replicas')})"),
        stat("Pods that are wanted", f"max({of('hcms_spec_replicas')})"),
        stat("Age of the signing key", f"time() - max({_KEY})", "s"),
        stat("Database answers", f"min({_PRIMARY})"),
        stat("Redis answers", f"min({of('hcms_redis_up')})"),
        table(
            "Release",
            f"max by (version, strategy, stable_revision, updated_revision) ({of('hcms_info')})",
        ),
        table("Conditions", f"max by (type, status) ({of('hcms_condition')}) == 1"),
    ],
)
_TRAFFIC = Row(
    "Requests",
    [
        graph("By status", {"{{status}}": f"sum by (status) ({_REQUESTS})"}, "reqps"),
        graph(
            "Ten most frequent routes",
            {"{{method}} {{route}}": f"topk(10, sum by (method, route) ({_REQUESTS}))"},
            "reqps",
        ),
        graph(
            "Failures by route",
            {
                "{{status}} {{route}}": "topk(10, sum by (route, status)"
                f" ({rate('hcms_http_requests_total', FAILED)}))"
            },
            "reqps",
        ),
        graph(
            "Reads of published content",
            {
                "median": quantile(0.5, _DURATION, matchers=READS),
                "99 of 100": quantile(0.99, _DURATION, matchers=READS),
            },
            "s",
        ),
        graph(
            "Errors: how many times faster than they may be made",
            {
                "{{kind}}, 1 h": _spent("1h"),
                "{{kind}}, 6 h": _spent("6h"),
                "{{kind}}, 3 d": _spent("3d"),
            },
        ),
        graph(
            "Tenants, the ten busiest",
            {"{{tenant}}": f"topk(10, sum by (tenant) ({rate('hcms_tenant_requests_total')}))"},
            "reqps",
        ),
        graph(
            "Being answered, connections",
            {
                "being answered": f"sum({of('hcms_http_requests_in_progress')})",
                "connections": f"sum({of('hcms_active_connections')})",
            },
        ),
        graph(
            "Passwords being hashed",
            {
                "running": f"sum({of('hcms_argon2_running')})",
                "waiting": f"sum({of('hcms_argon2_waiting')})",
            },
        ),
        graph(
            "Pods",
            {
                "wanted": f"max({of('hcms_spec_replicas')})",
                "ready": f"max({of('hcms_status_ready_replicas')})",
                "most": f"max({of('hcms_spec_max_replicas')})",
            },
        ),
    ],
)
_STORES = Row(
    "Database and caches",
    [
        graph(
            "Statements, 99 of 100, the ten slowest",
            {
                "{{operation}}": "topk(10,"
                f" {quantile(0.99, 'hcms_db_query_duration_seconds', 'operation')})"
            },
            "s",
        ),
        graph(
            "Database connections",
            {
                "{{database}} {{state}}": "sum by (database, state)"
                f" ({of('hcms_db_pool_connections')})",
                "{{database}} at most": f"sum by (database) ({of('hcms_db_pool_size')})",
            },
        ),
        graph(
            "Waiting for a connection, and refused in a second",
            {
                "{{database}} waiting": f"sum by (database) ({of('hcms_db_pool_waiting')})",
                "{{database}} refused": "sum by (database)"
                f" ({rate('hcms_db_pool_rejected_total')})",
            },
        ),
        graph("Cache hits", {"{{layer}}": f"{_HITS} / ({_HITS} + {_MISSES})"}, "percentunit"),
        graph(
            "Reads that no cache could answer",
            {"{{database}}": f"sum by (database) ({rate('hcms_delivery_reads_total')})"},
            "ops",
        ),
        graph(
            "Redis, 99 of 100",
            {"{{command}}": quantile(0.99, "hcms_redis_command_duration_seconds", "command")},
            "s",
        ),
    ],
)
TENANT = Dashboard(
    "headlesscms-tenant",
    "Headless CMS: one deployment",
    [_NOW, _TRAFFIC, _STORES],
    VARIABLES,
)
