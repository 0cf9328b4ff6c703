"""What Prometheus reads."""

import time
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from cms_service import VERSION
from cms_service.core.telemetry.plain_metrics import Counts, Histograms
from cms_service.core.telemetry.request_metrics import RequestMetrics

# Bounds of the buckets.
_QUERY_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class Metrics:
    def __init__(self, revision: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._http(registry)
        self._database(registry)
        self._cache(registry)
        self._redis(registry)
        self._argon2(registry)
        self.jwt_keys_generation = Gauge(
            "hcms_jwt_keys_generation", "The generation of the JWT keys in use.", registry=registry
        )
        self.trace_spans = Counter(
            "hcms_trace_spans",
            "Spans that were recorded: exported to the collector, or dropped.",
            ["outcome"],
            registry=registry,
        )
        info = Gauge("hcms_build_info", "Always 1.", ["version", "revision"], registry=registry)
        info.labels(VERSION, revision).set(1)
        started = Gauge(
            "process_start_time_seconds", "When the process started.", registry=registry
        )
        started.set(time.time())

    def _http(self, registry: CollectorRegistry) -> None:
        self.requests = RequestMetrics()
        registry.register(self.requests)
        self.connections = Gauge(
            "hcms_active_connections", "Open client connections.", registry=registry
        )

    def _cache(self, registry: CollectorRegistry) -> None:
        self.cache_hits = Counts("hcms_cache_hits", "Cached answers found.", "layer", registry)
        self.cache_misses = Counts(
            "hcms_cache_misses", "Cached answers not found.", "layer", registry
        )
        self.cache_loads_running = Gauge(
            "hcms_cache_loads_in_progress",
            "Answers that are being made for the cache.",
            registry=registry,
        )
        self.cache_loads_joined = Counter(
            "hcms_cache_loads_joined",
            "Requests that waited for an answer which another one had begun to make.",
            registry=registry,
        )

    def _database(self, registry: CollectorRegistry) -> None:
        self.database_up = Gauge(
            "hcms_database_up",
            "1 where the last use of the database worked.",
            ["database"],
            registry=registry,
        )
        self.credentials_refused = Gauge(
            "hcms_database_credentials_refused",
            "1 where other credentials are offered than those that are used, and may not serve.",
            ["database"],
            registry=registry,
        )
        self.delivery_reads = Counts(
            "hcms_delivery_reads",
            "Reads of published content that no cache could answer, by the database that did.",
            "database",
            registry,
        )
        self.query_seconds = Histograms(
            "hcms_db_query_duration_seconds",
            "One statement, the wait for a connection not included.",
            "operation",
            _QUERY_SECONDS,
            registry,
        )
        self.pool_size = Gauge(
            "hcms_db_pool_size",
            "Connections that the pool may hold.",
            ["database"],
            registry=registry,
        )
        self.pool_connections = Gauge(
            "hcms_db_pool_connections",
            "Connections that it holds.",
            ["database", "state"],
            registry=registry,
        )
        self.pool_waiting = Gauge(
            "hcms_db_pool_waiting",
            "Requests waiting for a connection.",
            ["database"],
            registry=registry,
        )
        self.pool_rejected = Counter(
            "hcms_db_pool_rejected",
            "Requests refused by a full pool.",
            ["database"],
            registry=registry,
        )

    def _redis(self, registry: CollectorRegistry) -> None:
        self.redis_up = Gauge(
            "hcms_redis_up", "1 where the last use of Redis worked.", registry=registry
        )
        self.redis_seconds = Histograms(
            "hcms_redis_command_duration_seconds",
            "One command, the wait for a connection not included.",
            "command",
            _QUERY_SECONDS,
            registry,
        )
        self.redis_pool_size = Gauge(
            "hcms_redis_pool_size", "Connections that may be in use.", registry=registry
        )
        self.redis_pool_connections = Gauge(
            "hcms_redis_pool_connections", "Connections to Redis.", ["state"], registry=registry
        )
        self.redis_pool_waiting = Gauge(
            "hcms_redis_pool_waiting", "Commands waiting for a connection.", registry=registry
        )
        self.redis_pool_rejected = Counter(
            "hcms_redis_pool_rejected", "Commands refused by a full pool.", registry=registry
        )

    def _argon2(self, registry: CollectorRegistry) -> None:
        self.argon2_threads = Gauge(
            "hcms_argon2_threads", "Passwords that may be hashed at once.", registry=registry
        )
        self.argon2_running = Gauge(
            "hcms_argon2_running", "Passwords being hashed.", registry=registry
        )
        self.argon2_waiting = Gauge(
            "hcms_argon2_waiting", "Passwords waiting to be hashed.", registry=registry
        )
        self.argon2_rejected = Counter(
            "hcms_argon2_rejected", "Log-ins refused by a full queue.", registry=registry
        )

    def render(self, names: Collection[str] = ()) -> bytes:
        """All series, or those of the given names."""
        if not names:
            return generate_latest(self.registry)
        return generate_latest(self.registry.restricted_registry(names))
