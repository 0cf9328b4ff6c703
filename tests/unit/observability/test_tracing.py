"""Traces of reconciles, as a real collector gets them."""

import asyncio
import json
import logging
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from cms_operator.cluster.keys import Key
from cms_operator.observability import logs
from cms_operator.observability.measuring import api_request, phase
from cms_operator.observability.metrics import REGISTRY
from cms_operator.observability.otlp import OtlpTracing
from cms_operator.observability.tracing import Untraced, tracing
from cms_operator.settings import TracingSettings
from cms_operator.workers import Workers
from cms_operator.workqueue import WorkQueue
from tests.service.collector import Collector, Received
from tests.support.ports import free_port
from tests.unit.observability.scraping import value

SHOP = Key("team-a", "shop")
log = logging.getLogger("cms_operator.reconcile")


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.running():
        yield collector


class Lines(logging.Handler):
    """Made at once, as by the process: later it is another span's turn."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logs.JsonFormatter())
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    log.addHandler(handler)
    yield handler
    log.removeHandler(handler)


async def recording(endpoint: str, ratio: float) -> AsyncIterator[None]:
    tracing.now = OtlpTracing(TracingSettings(f"{endpoint}/v1/traces", ratio, "the-operator"))
    yield
    await tracing.now.close(5)
    tracing.now = Untraced()


@pytest.fixture
async def all_recorded(collector: Collector) -> AsyncIterator[None]:
    async for _ in recording(collector.endpoint, 1.0):
        yield


@phase("apply")
async def apply(status: int) -> None:
    with api_request("PATCH", "/apis/apps/v1/namespaces/team-a/deployments/shop") as answer:
        answer.status = status
    log.warning("applied")
    if status >= 500:
        raise RuntimeError("wonderland")


async def work(status: int, until: asyncio.Event) -> None:
    """One reconcile by the operator's workers."""

    async def reconcile(_: Key) -> float | None:
        until.set()
        await apply(status)
        return None

    queue: WorkQueue[Key] = WorkQueue(time.monotonic, lambda: 100.0)
    workers = Workers(queue, reconcile, count=1)
    workers.start()
    queue.add(SHOP)
    async with asyncio.timeout(10):
        await until.wait()
    await asyncio.sleep(0)
    await workers.stop()


def by_name(received: list[Received]) -> dict[str, Received]:
    return {each.span.name: each for each in received}


@pytest.mark.usefixtures("all_recorded")
async def test_a_reconcile_its_phases_and_its_requests_are_one_trace(
    collector: Collector, lines: Lines
) -> None:
    await work(200, asyncio.Event())
    spans = by_name(await collector.wait_for(lambda found: len(found) == 3))
    root, step, request = (spans[name] for name in ("reconcile", "apply", "patch deployments"))
    assert root.resource["service.name"] == "the-operator"
    assert root.attributes == {
        "k8s.namespace.name": "team-a",
        "headlesscms.name": "shop",
        "headlesscms.outcome": "success",
    }
    assert request.attributes == {
        "http.request.method": "PATCH",
        "k8s.resource": "deployments",
        "http.response.status_code": 200,
    }
    assert (root.span.parent_span_id, root.span.kind) == (b"", Span.SPAN_KIND_INTERNAL)
    assert step.span.parent_span_id == root.span.span_id
    assert request.span.parent_span_id == step.span.span_id
    assert request.span.kind == Span.SPAN_KIND_CLIENT
    (line,) = (json.loads(line) for line in lines.found)
    assert (line["traceId"], line["spanId"]) == (
        root.span.trace_id.hex(),
        step.span.span_id.hex(),
    )


@pytest.mark.usefixtures("all_recorded")
async def test_a_failure_is_shown_by_its_kind_and_without_its_text(collector: Collector) -> None:
    await work(503, asyncio.Event())
    spans = by_name(await collector.wait_for(lambda found: len(found) == 3))
    assert spans["reconcile"].attributes["headlesscms.outcome"] == "error"
    assert spans["apply"].attributes == {"error.type": "RuntimeError"}
    assert spans["apply"].span.status.code == Status.STATUS_CODE_ERROR
    assert b"wonderland" not in b"".join(collector.raw)


async def test_what_is_not_chosen_is_not_recorded(collector: Collector) -> None:
    async for _ in recording(collector.endpoint, 0.0):
        await work(200, asyncio.Event())
    assert collector.received == []


async def test_a_collector_that_is_away_holds_nobody_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    before = value(REGISTRY, "hcms_operator_trace_spans_total", outcome="dropped")

    def dropped() -> float:
        return value(REGISTRY, "hcms_operator_trace_spans_total", outcome="dropped") - before

    async for _ in recording(f"http://127.0.0.1:{free_port()}", 1.0):
        await work(200, asyncio.Event())
    async with asyncio.timeout(60):
        while dropped() < 3:  # noqa: ASYNC110  - a thread counts them
            await asyncio.sleep(0.05)
    told = [found for found in caplog.records if "takes no spans" in found.message]
    assert [found.levelname for found in told] == ["WARNING"]


def test_who_records_nothing_pays_nothing() -> None:
    script = (
        "import sys, cms_operator.main; "
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", script], check=True)  # noqa: S603  - our own words
