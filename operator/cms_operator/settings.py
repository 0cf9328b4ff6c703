"""Settings of the operator, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("json", "plain")
_MAX_WORKERS = 64
_SAMPLER = "parentbased_traceidratio"
_PROTOCOL = "http/protobuf"


class SettingsError(Exception):
    """A variable has a value that cannot be used; the message names both."""


@dataclass(frozen=True)
class PrometheusSettings:
    """The Prometheus that measures query; without `url` there is none."""

    url: str = ""
    token_file: str = ""
    ca_file: str = ""


@dataclass(frozen=True)
class TracingSettings:
    """OpenTelemetry's settings, as for the CMS; without `endpoint` nothing is recorded."""

    endpoint: str = ""
    ratio: float = 0.01
    service_name: str = "headlesscms-operator"


@dataclass(frozen=True)
class LeaseSettings:
    """Whether the operators of one Lease elect one that works, and how long one may be silent.

    The Lease is in the operator's namespace.
    """

    elected: bool = False
    name: str = "headlesscms-operator"
    seconds: int = 15


@dataclass(frozen=True)
class Settings:
    """`namespaces` is empty where the whole cluster is watched; times are in seconds.

    `resync_workers` of the workers may be busy with what is only looked at again.
    `requests_per_second` is 0 where the client sets no limit of its own.

    `requests_stamped` tells that the chart's admission policies guard who has asked for what,
    `metrics_authenticated` asks the API server who may read /metrics.
    """

    namespaces: tuple[str, ...] = ()
    operator_namespace: str = "headlesscms-system"
    log_level: str = "info"
    log_format: str = "json"
    health_port: int = 8080
    workers: int = 16
    resync_seconds: int = 600
    resync_workers: int = 8
    requests_per_second: int = 0
    requests_stamped: bool = False
    lease: LeaseSettings = LeaseSettings()
    metrics_authenticated: bool = False
    prometheus: PrometheusSettings = PrometheusSettings()
    tracing: TracingSettings = TracingSettings()

    @property
    def spaces(self) -> tuple[str | None, ...]:
        """What is listed and watched: each namespace, or with None all of them at once."""
        return self.namespaces or (None,)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError."""
        reader = _Reader(environment)
        names = environment.get("HCMS_WATCH_NAMESPACES", "")
        return cls(
            namespaces=tuple(name.strip() for name in names.split(",") if name.strip()),
            operator_namespace=environment.get("HCMS_OPERATOR_NAMESPACE", cls.operator_namespace),
            log_level=reader.choice("HCMS_LOG_LEVEL", _LEVELS, cls.log_level),
            log_format=reader.choice("HCMS_LOG_FORMAT", _FORMATS, cls.log_format),
            health_port=reader.number("HCMS_HEALTH_PORT", 0, 65535, cls.health_port),
            workers=reader.number("HCMS_WORKERS", 1, _MAX_WORKERS, cls.workers),
            resync_seconds=reader.number("HCMS_RESYNC_SECONDS", 10, 86400, cls.resync_seconds),
            resync_workers=reader.number(
                "HCMS_RESYNC_WORKERS", 1, _MAX_WORKERS, cls.resync_workers
            ),
            requests_per_second=reader.number("HCMS_REQUESTS_PER_SECOND", 0, 10_000, 0),
            requests_stamped=reader.flag("HCMS_REQUESTS_STAMPED"),
            lease=reader.lease(),
            metrics_authenticated=reader.flag("HCMS_METRICS_AUTHENTICATED"),
            prometheus=reader.prometheus(),
            tracing=reader.tracing(),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str]

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.environment.get(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
        return value

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false"), "false") == "true"

    def number(self, name: str, low: int, high: int, default: int) -> int:
        value = self.environment.get(name, str(default))
        if not value.isdecimal() or not low <= int(value) <= high:
            raise SettingsError(f"{name} is {value!r}; it must be a number from {low} to {high}")
        return int(value)

    def lease(self) -> LeaseSettings:
        return LeaseSettings(
            elected=self.flag("HCMS_LEADER_ELECTION"),
            name=self.environment.get("HCMS_LEASE_NAME", LeaseSettings.name),
            seconds=self.number("HCMS_LEASE_SECONDS", 5, 60, LeaseSettings.seconds),
        )

    def prometheus(self) -> PrometheusSettings:
        url = self.environment.get("HCMS_PROMETHEUS_URL", "").rstrip("/")
        files = {
            name: self.environment.get(name, "")
            for name in ("HCMS_PROMETHEUS_TOKEN_FILE", "HCMS_PROMETHEUS_CA_FILE")
        }
        # The address may hold what it must not, so the message does not repeat it.
        if url and not _is_plain_address(url):
            raise SettingsError(
                "HCMS_PROMETHEUS_URL must be like https://prometheus.monitoring:9090, "
                "without user, query or fragment"
            )
        for name, value in files.items():
            if value and not url.startswith("https://"):
                raise SettingsError(
                    f"{name} needs an HCMS_PROMETHEUS_URL that begins with https://"
                )
        return PrometheusSettings(url, *files.values())

    def tracing(self) -> TracingSettings:
        exporter = self.choice("OTEL_TRACES_EXPORTER", ("none", "otlp"), "none")
        self.choice("OTEL_TRACES_SAMPLER", (_SAMPLER,), _SAMPLER)
        self.choice("OTEL_EXPORTER_OTLP_PROTOCOL", (_PROTOCOL,), _PROTOCOL)
        ratio = self.share("OTEL_TRACES_SAMPLER_ARG", TracingSettings.ratio)
        name = self.environment.get("OTEL_SERVICE_NAME", TracingSettings.service_name)
        base = self.environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318")
        whole = self.environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "")
        endpoint = whole or f"{base.rstrip('/')}/v1/traces"
        # Credentials belong into OTEL_EXPORTER_OTLP_HEADERS, and none is shown here.
        if not _is_plain_address(endpoint):
            raise SettingsError(
                "OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be like "
                "http://collector.monitoring:4318, without user, query or fragment"
            )
        return TracingSettings(endpoint if exporter == "otlp" else "", ratio, name)

    def share(self, name: str, default: float) -> float:
        value = self.environment.get(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if not 0 <= number <= 1:
            raise SettingsError(f"{name} is {value!r}; it must be a number from 0 to 1")
        return number


def _is_plain_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and "@" not in parts.netloc
        and not any(character in url for character in "?# \t\r\n")
    )
