"""Where the collector sends its records: OTLP over HTTP, decoded by the protocol's definitions."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.support import otlp


@dataclass(frozen=True)
class Record:
    seconds: float
    severity: str
    body: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    resource: dict[str, Any]


@dataclass
class Sink:
    records: list[Record] = field(default_factory=list)
    port: int = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        answer = ExportLogsServiceResponse().SerializeToString()
        with otlp.receiving("/v1/logs", answer, self._take) as self.port:
            yield

    def _take(self, body: bytes) -> None:
        for each in ExportLogsServiceRequest.FromString(body).resource_logs:
            resource = _values(each.resource.attributes)
            for scope in each.scope_logs:
                self.records += [
                    Record(
                        record.time_unix_nano / 1e9,
                        record.severity_text,
                        str(_value(record.body)),
                        record.trace_id.hex(),
                        record.span_id.hex(),
                        _values(record.attributes),
                        resource,
                    )
                    for record in scope.log_records
                ]


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "kvlist_value":
        return _values(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


def _values(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}
