"""Settings from the environment: good defaults, and a clear word for a bad value."""

import re
from dataclasses import asdict
from typing import Any

import pytest

from cms_operator.settings import (
    LeaseSettings,
    PrometheusSettings,
    Settings,
    SettingsError,
    TracingSettings,
)
from tests.support.charts import REPOSITORY


def test_without_any_variable_the_whole_cluster_is_served() -> None:
    assert Settings.from_environment({}) == Settings()
    assert Settings().namespaces == ()


ALL = {
    "HCMS_WATCH_NAMESPACES": "team-a, team-b,",
    "HCMS_OPERATOR_NAMESPACE": "operators",
    "HCMS_LOG_LEVEL": "debug",
    "HCMS_LOG_FORMAT": "plain",
    "HCMS_HEALTH_PORT": "9999",
    "HCMS_WORKERS": "2",
    "HCMS_RESYNC_SECONDS": "60",
    "HCMS_RESYNC_WORKERS": "1",
    "HCMS_REQUESTS_PER_SECOND": "50",
    "HCMS_REQUESTS_STAMPED": "true",
    "HCMS_LEADER_ELECTION": "true",
    "HCMS_LEASE_NAME": "ours",
    "HCMS_LEASE_SECONDS": "30",
    "HCMS_METRICS_AUTHENTICATED": "true",
    "HCMS_PROMETHEUS_URL": "https://prometheus.monitoring:9090/prefix/",
    "HCMS_PROMETHEUS_TOKEN_FILE": "/token",
    "HCMS_PROMETHEUS_CA_FILE": "/ca.crt",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_TRACES_SAMPLER_ARG": "0.5",
    "OTEL_SERVICE_NAME": "operators",
}


def test_all_of_it_can_be_set() -> None:
    found = Settings.from_environment(ALL)
    assert found == Settings(
        namespaces=("team-a", "team-b"),
        operator_namespace="operators",
        log_level="debug",
        log_format="plain",
        health_port=9999,
        workers=2,
        resync_seconds=60,
        resync_workers=1,
        requests_per_second=50,
        requests_stamped=True,
        lease=LeaseSettings(elected=True, name="ours", seconds=30),
        metrics_authenticated=True,
        prometheus=PrometheusSettings(
            "https://prometheus.monitoring:9090/prefix", "/token", "/ca.crt"
        ),
        tracing=TracingSettings("http://localhost:4318/v1/traces", 0.5, "operators"),
    )
    for each, default in (
        (found, Settings()),
        (found.lease, LeaseSettings()),
        (found.prometheus, PrometheusSettings()),
        (found.tracing, TracingSettings()),
    ):
        for name, value in asdict(each).items():
            assert value != getattr(default, name), f"give {name} another value here"


class Environment(dict[str, str]):
    """Remembers what is looked for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return default


def test_every_variable_is_explained_and_set_by_the_chart() -> None:
    environment = Environment()
    Settings.from_environment(environment)
    read = {name for name in environment.names if name.startswith("HCMS_")}
    assert read == {name for name in ALL if name.startswith("HCMS_")}
    for file in ("docs/operations.md", "charts/headlesscms-operator/templates/deployment.yaml"):
        told = re.findall(r"^\|.*|- name: .*", (REPOSITORY / file).read_text(), re.MULTILINE)
        assert set(re.findall(r"\bHCMS_[A-Z_]+", "\n".join(told))) == read, file


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, TracingSettings()),
        (
            {"OTEL_TRACES_EXPORTER": "otlp"},
            TracingSettings("http://localhost:4318/v1/traces"),
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.monitoring:4318/",
                "OTEL_TRACES_SAMPLER_ARG": "0.5",
                "OTEL_SERVICE_NAME": "operators",
            },
            TracingSettings("https://collector.monitoring:4318/v1/traces", 0.5, "operators"),
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/spans",
            },
            TracingSettings("http://collector:4318/spans"),
        ),
    ],
)
def test_traces_are_asked_for_by_opentelemetrys_names(
    environment: dict[str, str], expected: TracingSettings
) -> None:
    assert Settings.from_environment(environment).tracing == expected


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("HCMS_LOG_LEVEL", "loud", "debug, info, warning, error"),
        ("HCMS_LOG_FORMAT", "xml", "json, plain"),
        ("HCMS_WORKERS", "0", "from 1 to 64"),
        ("HCMS_WORKERS", "many", "from 1 to 64"),
        ("HCMS_WORKERS", "-1", "from 1 to 64"),
        ("HCMS_HEALTH_PORT", "65536", "from 0 to 65535"),
        ("HCMS_RESYNC_SECONDS", "1", "from 10 to 86400"),
        ("HCMS_LEADER_ELECTION", "yes", "true, false"),
        ("HCMS_LEASE_SECONDS", "4", "from 5 to 60"),
        ("HCMS_PROMETHEUS_URL", "prometheus:9090", "like https://"),
        ("HCMS_PROMETHEUS_URL", "ftp://prometheus", "like https://"),
        ("HCMS_PROMETHEUS_URL", "http://", "like https://"),
        ("HCMS_PROMETHEUS_URL", "http://prometheus:port", "like https://"),
        ("HCMS_PROMETHEUS_URL", "http://prometheus/?query=up", "without user, query or fragment"),
        ("HCMS_PROMETHEUS_URL", "http://prometheus/#up", "without user, query or fragment"),
        ("OTEL_TRACES_EXPORTER", "jaeger", "none, otlp"),
        ("OTEL_TRACES_SAMPLER", "always_on", "parentbased_traceidratio"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", "from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "often", "from 0 to 1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "like http://"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://me:key@collector/", "without user"),
        ("HCMS_PROMETHEUS_TOKEN_FILE", "/token", "HCMS_PROMETHEUS_URL that begins with https://"),
        ("HCMS_PROMETHEUS_CA_FILE", "/ca.crt", "HCMS_PROMETHEUS_URL that begins with https://"),
    ],
)
def test_a_bad_value_is_named_with_what_would_be_good(name: str, value: str, advice: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert name in str(refused.value)
    assert advice in str(refused.value)


def test_a_token_is_not_sent_for_everybody_to_read() -> None:
    environment = {
        "HCMS_PROMETHEUS_URL": "http://prometheus:9090",
        "HCMS_PROMETHEUS_TOKEN_FILE": "/token",
    }
    with pytest.raises(SettingsError, match="begins with https"):
        Settings.from_environment(environment)


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({"HCMS_PROMETHEUS_URL": "https://me:Pa55word@prometheus"})
    assert "Pa55word" not in str(refused.value)
