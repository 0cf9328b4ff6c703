"""A collector of traces as the CMS meets one: OTLP over HTTP, decoded by the protocol's own
definitions.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.service.waiting import until
from tests.support import otlp
from tests.support.ports import free_port

Values = Mapping[str, str | int]


@dataclass(frozen=True)
class Received:
    """A span, with the attributes of the process that sent it."""

    span: Span
    resource: Values

    @property
    def attributes(self) -> Values:
        return _values(self.span.attributes)


@dataclass
class Collector:
    port: int = field(default_factory=free_port)
    received: list[Received] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        answer = ExportTraceServiceResponse().SerializeToString()
        with otlp.receiving("/v1/traces", answer, self._take, self.port):
            yield

    async def wait_for(self, found: Callable[[list[Received]], bool]) -> list[Received]:
        await until(lambda: found(self.received), "the collector gets it")
        return self.received

    def _take(self, body: bytes) -> None:
        self.raw.append(body)
        for each in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _values(each.resource.attributes)
            for scope in each.scope_spans:
                self.received += [Received(span, resource) for span in scope.spans]


def _values(pairs: Iterable[KeyValue]) -> Values:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in pairs
    }
