"""Spans to an OpenTelemetry collector. They hold names, numbers and places: no statement, no value,
no key, no header and no error's text.
"""

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import TracebackType
from typing import Self

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from cms_service import VERSION
from cms_service.core.settings.serve import ServeSettings
from cms_service.core.telemetry.metrics import Metrics
from cms_service.core.telemetry.request_metrics import known_method
from cms_service.core.telemetry.trace_context import TraceContext
from cms_service.core.telemetry.tracing import UNTRACED, ClientSpan, RequestSpan

logger = logging.getLogger(__name__)

_MAX_QUEUE = 2048
_MAX_BATCH = 512
_SEND_EVERY_MILLISECONDS = 1000
_LOGGED_PATH_LENGTH = 200
_FIRST_SERVER_ERROR = 500
_NOTHING = nullcontext()

# The span of the present request, where it is recorded.
_recorded: ContextVar[Span | None] = ContextVar("recorded_span", default=None)


class OtlpTracing:
    def __init__(
        self, endpoint: str, ratio: float, resource: Mapping[str, str], metrics: Metrics
    ) -> None:
        # It would say of each try what `_Counted` says once.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._processor = _Bounded(OTLPSpanExporter(endpoint), metrics)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # of those that `request` has chosen
            resource=Resource.create(resource),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(self._processor)
        self._ratio = ratio
        self._tracer = self._provider.get_tracer("cms_service")

    @classmethod
    def from_settings(cls, settings: ServeSettings, metrics: Metrics) -> Self:
        resource = {
            "service.name": settings.otel_service_name,
            "service.namespace": settings.hcms_namespace,
            "service.version": VERSION,
            "hcms.name": settings.hcms_name,
            "hcms.revision": settings.hcms_revision,
        }
        return cls(
            settings.traces_endpoint,
            settings.otel_traces_sampler_arg,
            {name: value for name, value in resource.items() if value},
            metrics,
        )

    def request(self, scope: Mapping[str, object], parent: TraceContext | None) -> RequestSpan:
        # Chosen here: the SDK would cost those that are not chosen nearly as much as all of ours.
        is_sampled = random.random() < self._ratio if parent is None else parent.sampled  # noqa: S311
        if not is_sampled:
            _recorded.set(None)
            return UNTRACED.request(scope, parent)
        method = known_method(str(scope["method"]))
        span = self._tracer.start_span(
            method,
            None if parent is None else set_span_in_context(_remote(parent)),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "url.scheme": str(scope.get("scheme", "http")),
                "url.path": str(scope["path"])[:_LOGGED_PATH_LENGTH],
                "network.protocol.version": str(scope.get("http_version", "1.1")),
            },
        )
        _recorded.set(span)
        return _Request(span, method)

    def client(self, attributes: Mapping[str, str | int], named_by: str) -> ClientSpan:
        def client_span(operation: str) -> AbstractContextManager[object]:
            parent = _recorded.get()
            if parent is None:
                return _NOTHING
            return _Client(
                self._tracer.start_span(
                    operation,
                    set_span_in_context(parent),
                    kind=SpanKind.CLIENT,
                    attributes={**attributes, named_by: operation},
                )
            )

        return client_span

    async def close(self, seconds: float) -> None:
        """Sends what is left in a thread that the process does not wait for: the collector may be
        away.
        """
        done, loop = asyncio.Event(), asyncio.get_running_loop()

        def flush() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop has been left meanwhile
                loop.call_soon_threadsafe(done.set)

        threading.Thread(target=flush, name="last-spans", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), seconds)
        self._processor.give_up()


class _Request:
    def __init__(self, span: Span, method: str) -> None:
        self._span = span
        self._method = method
        made = span.get_span_context()
        self.context = TraceContext(
            made.trace_id, made.span_id, made.trace_flags.sampled, made.trace_state.to_header()
        )

    def end(self, route: str, status: int) -> None:
        self._span.update_name(f"{self._method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= _FIRST_SERVER_ERROR:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class _Client:
    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            if isinstance(code := getattr(error, "sqlstate", None), str):
                self._span.set_attribute("db.response.status_code", code)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _remote(parent: TraceContext) -> Span:
    return NonRecordingSpan(
        SpanContext(
            parent.trace_id,
            parent.span_id,
            is_remote=True,
            trace_flags=TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT),
            trace_state=TraceState.from_header([parent.state]) if parent.state else None,
        )
    )


class _Bounded(SpanProcessor):
    """The SDK's batches, and what they lose counted: a full queue refuses the newest span."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._dropped = metrics.trace_spans.labels("dropped")
        self._counted = _Counted(exporter, metrics)
        self._batches = BatchSpanProcessor(
            self._counted,
            max_queue_size=_MAX_QUEUE,
            max_export_batch_size=_MAX_BATCH,
            schedule_delay_millis=_SEND_EVERY_MILLISECONDS,
        )

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._counted.reserve(_MAX_QUEUE):
            self._batches.on_end(span)
        else:
            self._dropped.inc()

    def give_up(self) -> None:
        self._counted.give_up()

    def shutdown(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call]  # the SDK has no type for it

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)


class _Counted(SpanExporter):
    """`reserve` is called by the event loop, `export` by the thread that sends."""

    def __init__(self, exporter: SpanExporter, metrics: Metrics) -> None:
        self._exporter = exporter
        self._exported = metrics.trace_spans.labels("exported")
        self._dropped = metrics.trace_spans.labels("dropped")
        self._lock = threading.Lock()
        self._held = 0
        self._given_up = False
        self._away = False

    def reserve(self, most: int) -> bool:
        """A place for one more span, until it has been sent or lost."""
        with self._lock:
            if self._held >= most:
                return False
            self._held += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            arrived = result is SpanExportResult.SUCCESS
            with self._lock:
                if not self._given_up:
                    self._held -= len(spans)
                    (self._exported if arrived else self._dropped).inc(len(spans))
            self._tell(away=not arrived)
        return result

    def give_up(self) -> None:
        """What has not been sent by now is lost."""
        with self._lock:
            self._given_up = True
            self._dropped.inc(self._held)
            self._held = 0
        self._exporter.shutdown()

    def _tell(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            if away:
                logger.warning("the collector of traces takes no spans: they are dropped")
            else:
                logger.info("the collector of traces takes spans again")

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)
