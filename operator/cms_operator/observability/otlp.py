"""Spans to an OpenTelemetry collector. They hold names, numbers and fixed words: no body, no value
of a Secret and no error's text.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from cms_operator import VERSION
from cms_operator.observability import metrics
from cms_operator.observability.tracing import NOTHING, Attributes, Span, here
from cms_operator.settings import TracingSettings

log = logging.getLogger(__name__)

_MAX_QUEUE = 2048
_MAX_BATCH = 512
_SEND_EVERY_MILLISECONDS = 1000

_recorded: ContextVar[SdkSpan | None] = ContextVar("recorded_span", default=None)


class OtlpTracing:
    def __init__(self, settings: TracingSettings) -> None:
        # The library would log at each try what `_Counted` logs once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # `reconcile` has chosen already
            resource=Resource.create(
                {"service.name": settings.service_name, "service.version": VERSION}
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                _Counted(OTLPSpanExporter(settings.endpoint)),
                max_queue_size=_MAX_QUEUE,
                max_export_batch_size=_MAX_BATCH,
                schedule_delay_millis=_SEND_EVERY_MILLISECONDS,
            )
        )
        self._ratio = settings.ratio
        self._tracer = self._provider.get_tracer("cms_operator")

    def reconcile(self, attributes: Attributes) -> AbstractContextManager[Span]:
        if random.random() >= self._ratio:  # noqa: S311  - which ones is no secret
            return NOTHING
        return _span(self._tracer.start_span("reconcile", attributes=dict(attributes)))

    def inside(
        self, name: str, attributes: Attributes, *, calls: bool = False
    ) -> AbstractContextManager[Span]:
        parent = _recorded.get()
        if parent is None:
            return NOTHING
        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        context = set_span_in_context(parent)
        return _span(self._tracer.start_span(name, context, kind, dict(attributes)))

    async def close(self, seconds: float) -> None:
        """Send what is left in a thread that the process does not wait for: nobody may answer."""
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def flush() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has been left meanwhile
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=flush, name="last-spans", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), seconds)


class _Recorded:
    def __init__(self, span: SdkSpan) -> None:
        self._span = span

    def set(self, name: str, value: str | int) -> None:
        self._span.set_attribute(name, value)


@contextmanager
def _span(span: SdkSpan) -> Iterator[Span]:
    made = span.get_span_context()
    recorded = _recorded.set(span)
    place = here.set((f"{made.trace_id:032x}", f"{made.span_id:016x}"))
    try:
        yield _Recorded(span)
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        here.reset(place)
        _recorded.reset(recorded)
        span.end()


class _Counted(SpanExporter):
    """Tells once that the collector is away, and once that it is back."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._away = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            arrived = result is SpanExportResult.SUCCESS
            outcome = "exported" if arrived else "dropped"
            metrics.TRACE_SPANS.labels(outcome).inc(len(spans))
            self._tell(away=not arrived)
        return result

    def _tell(self, *, away: bool) -> None:
        if away and not self._away:
            log.warning("the collector of traces takes no spans: they are dropped")
        if self._away and not away:
            log.info("the collector of traces takes spans again")
        self._away = away

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
