# ruff: noqa: ASYNC110 - it is filled by a thread of its own
"""A collector of traces as the CMS meets one: OTLP over HTTP, decoded by the protocol's own
definitions.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

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
        server = ThreadingHTTPServer(("127.0.0.1", self.port), _handler(self._take))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    async def wait_for(self, found: Callable[[list[Received]], bool]) -> list[Received]:
        async with asyncio.timeout(30):
            while not found(self.received):
                await asyncio.sleep(0.02)
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


def _handler(take: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            take(self.rfile.read(int(self.headers["Content-Length"])))
            body = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
