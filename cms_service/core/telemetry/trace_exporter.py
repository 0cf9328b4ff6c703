"""Which tracing the settings ask for."""

from cms_service.core.settings.serve import ServeSettings, TracesExporter
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.tracing import UNTRACED, Tracing


def tracing_of(settings: ServeSettings, metrics: Metrics) -> Tracing:
    if settings.otel_traces_exporter is TracesExporter.NONE:
        return UNTRACED
    # Imported here: who traces nothing shall not pay for it.
    from cms_service.core.telemetry.otlp import OtlpTracing  # noqa: PLC0415 - as said

    return OtlpTracing.from_settings(settings, metrics)
