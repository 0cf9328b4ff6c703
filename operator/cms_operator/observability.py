"""What the operator shows of itself: metrics, logs, health."""

import asyncio
import contextvars
import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
RECONCILES = Counter(
    "hcms_operator_reconciles", "Reconciles by their outcome.", ["outcome"], registry=REGISTRY
)
RECONCILE_SECONDS = Histogram(
    "hcms_operator_reconcile_seconds", "Time that a reconcile took.", registry=REGISTRY
)
QUEUE_WAIT_SECONDS = Histogram(
    "hcms_operator_queue_wait_seconds", "Time that a key waited for a worker.", registry=REGISTRY
)
QUEUE_DEPTH = Gauge("hcms_operator_queue_depth", "Keys that wait for a worker.", registry=REGISTRY)
QUEUE_OLDEST_SECONDS = Gauge(
    "hcms_operator_queue_oldest_seconds", "Age of the longest-waiting key.", registry=REGISTRY
)
API_REQUESTS = Counter(
    "hcms_operator_api_requests",
    "Requests to the API server; code 0 is no answer.",
    ["method", "resource", "code"],
    registry=REGISTRY,
)
API_SECONDS = Histogram(
    "hcms_operator_api_request_seconds",
    "Time until the API server's answer was read.",
    ["method"],
    registry=REGISTRY,
)
OBJECTS = Gauge("hcms_operator_objects", "HeadlessCMS objects that are known.", registry=REGISTRY)

log = logging.getLogger(__name__)

reconcile_id: contextvars.ContextVar[str] = contextvars.ContextVar("reconcile_id", default="")
object_name: contextvars.ContextVar[str] = contextvars.ContextVar("object_name", default="")

_NAMESPACED = "namespaces"


def loop_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What no task is there to hear of.

    Watches that are cancelled at the end may still be closing when the loop closes what is left
    open: that costs nothing, and a traceback of it would only frighten.
    """
    if "asyncgen" in context:
        log.debug("%s: %s", context["message"], context.get("exception"))
    else:
        loop.default_exception_handler(context)


def api_request(method: str, path: str, status: int, seconds: float) -> None:
    API_REQUESTS.labels(method, resource_of(path), str(status)).inc()
    API_SECONDS.labels(method).observe(seconds)


def resource_of(path: str) -> str:
    """The plural in an API path; names and namespaces would make the metric unbounded."""
    parts = path.strip("/").split("/")
    rest = parts[3:] if parts[0] == "apis" else parts[2:]
    if len(rest) > 2 and rest[0] == _NAMESPACED:  # noqa: PLR2004  - namespaces/NAME/plural
        rest = rest[2:]
    return rest[0] if rest else ""


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the HeadlessCMS and the reconcile that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if name := object_name.get():
            line["object"] = name
        if identity := reconcile_id.get():
            line["reconcile_id"] = identity
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(level: str, style: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # kopf tells of each event at INFO; the reconcile's own lines say it once.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


def _verdict(good: bool) -> web.Response:  # noqa: FBT001  - it is the whole argument
    return web.Response(text="ok") if good else web.Response(status=503, text="no")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(
        body=generate_latest(REGISTRY),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


async def serve(
    port: int, is_alive: Callable[[], bool], is_ready: Callable[[], bool]
) -> web.AppRunner:
    """Serve /healthz, /readyz and /metrics on all addresses of the pod."""

    async def healthz(_: web.Request) -> web.Response:
        return _verdict(is_alive())

    async def readyz(_: web.Request) -> web.Response:
        return _verdict(is_ready())

    app = web.Application(client_max_size=1024)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", _metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", port).start()  # noqa: S104  - the kubelet and Prometheus call it
    return runner
