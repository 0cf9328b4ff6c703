"""One line for each thing that happened, with the HeadlessCMS and the reconcile it belongs to."""

import asyncio
import contextvars
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from cms_operator.observability.tracing import here

log = logging.getLogger(__name__)

reconcile_id: contextvars.ContextVar[str] = contextvars.ContextVar("reconcile_id", default="")
# Namespace and name of the HeadlessCMS that is worked on.
subject: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar(
    "subject", default=None
)
# JSON leaves these as they are, but terminals and some readers take them for commands or line ends.
_BREAKS = re.compile("[\x7f-\x9f\u2028\u2029]")
_FAREWELL = "Fatal error on SSL protocol"


def loop_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log a failure that no task waits for, unless it is a known and harmless one.

    Watches that are cancelled at the end may still be closing when the loop closes what is left
    open: that costs nothing, and a traceback of it would only frighten. So may uvloop still say
    farewell on a TLS connection that was broken off.
    """
    if "asyncgen" in context or context["message"] == _FAREWELL:
        log.debug("%s: %s", context["message"], context.get("exception"))
    else:
        loop.default_exception_handler(context)


class JsonFormatter(logging.Formatter):
    """The fields are those of docs/logs.md."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (about := subject.get()) is not None:
            line["namespace"], line["name"] = about
        if identity := reconcile_id.get():
            line["reconcileId"] = identity
        if (span := here.get()) is not None:
            line["traceId"], line["spanId"] = span
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":"))
        return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def configure_logging(level: str, style: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # kopf tells of each event at INFO; the reconcile's own lines say it once.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
