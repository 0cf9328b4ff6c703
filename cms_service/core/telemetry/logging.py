"""One JSON object per line on standard output, with the request's id and its trace in every line of
a request.
"""

import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol

import orjson

from cms_service.core.telemetry.trace_context import TraceContext

request_id: ContextVar[str] = ContextVar("request_id", default="")


class Traced(Protocol):
    @property
    def context(self) -> TraceContext: ...


request_span: ContextVar[Traced | None] = ContextVar("request_span", default=None)

# The attributes that every record has; whatever else is there came by `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "taskName", "color_message"}

# JSON leaves these as they are; to terminals and some readers they are commands and ends of lines.
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")


class JsonFormatter(logging.Formatter):
    def __init__(self, context: dict[str, str]) -> None:
        super().__init__()
        self._context = {name: value for name, value in context.items() if value}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._context,
        }
        if current := request_id.get():
            line["requestId"] = current
        if (span := request_span.get()) is not None:
            trace = span.context
            line["traceId"], line["spanId"] = trace.trace_hex, trace.span_hex
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return _BREAKS.sub(_escaped, orjson.dumps(line, default=str).decode())


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def configure(level: str, context: dict[str, str]) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(context))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its warnings are of what cannot be read: core/http/protocol.py tells of that with the
    # answer's id.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
