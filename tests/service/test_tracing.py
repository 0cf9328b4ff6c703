# ruff: noqa: ASYNC210 - another process is waited for; nothing else waits for this loop
"""Traces, as a real collector gets them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.service.collector import Collector, Received
from tests.service.processes import REPOSITORY, ServeProcess
from tests.service.servers import wait_until
from tests.service.world import PASSWORD, SERVICE_PASSWORD, Pod, Site, expect, owner_email
from tests.support.ports import free_port

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=opaque"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
ENTRY = "/v1/delivery/{tenant}/{type_name}/{slug_or_id}"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    with collector.running():
        yield collector


def traced(collector: Collector, ratio: str = "1") -> dict[str, str]:
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
        "OTEL_TRACES_SAMPLER_ARG": ratio,
        "OTEL_SERVICE_NAME": "shop",
        "HCMS_REVISION": "abc123",
    }


async def article(site: Site) -> str:
    async with site.pod() as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        await acme.publish_new(title="Hello", slug="hello")
        await acme.open_to_the_public()
        return f"{acme.delivery}/hello"


def servers(received: list[Received]) -> list[Received]:
    return [each for each in received if each.span.kind == Span.SPAN_KIND_SERVER]


def counted(pod: Pod, outcome: str) -> float:
    labels = {"outcome": outcome}
    return pod.cms.metrics.registry.get_sample_value("hcms_trace_spans_total", labels) or 0


async def test_a_request_its_statements_and_its_redis_commands_are_one_trace(
    site: Site, collector: Collector
) -> None:
    path = await article(site)
    async with site.pod(**traced(collector)) as pod, pod.client() as client:
        expect(await client.get(path, headers=SAMPLED), 200)
        received = await collector.wait_for(lambda spans: len(servers(spans)) == 1)
    (server,) = servers(received)
    assert server.span.name == f"GET {ENTRY}"
    assert (server.span.trace_id.hex(), server.span.parent_span_id.hex()) == (TRACE, PARENT)
    assert server.span.trace_state == "vendor=opaque"
    assert server.attributes == {
        "http.request.method": "GET",
        "http.route": ENTRY,
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": path,
        "network.protocol.version": "1.1",
    }
    resource = server.resource
    assert (resource["service.name"], resource["hcms.revision"]) == ("shop", "abc123")
    # Rates are settled with Redis (EVAL) now and then, after the answer. What is kept for others
    # goes out behind the answers of several.
    children = {
        each.span.name: each for each in received if each is not server and each.span.name != "EVAL"
    }
    statements = {"tenants.changes", "tenants.directory", "delivery.entry"}
    assert set(children) == {*statements, "MGET"}
    for child in children.values():
        assert child.span.trace_id == server.span.trace_id
        assert child.span.parent_span_id == server.span.span_id
        assert child.span.kind == Span.SPAN_KIND_CLIENT
        assert server.span.start_time_unix_nano <= child.span.start_time_unix_nano
        assert child.span.end_time_unix_nano <= server.span.end_time_unix_nano
    assert children["delivery.entry"].attributes == {
        "db.system.name": "postgresql",
        "db.namespace": site.database,
        "db.query.summary": "delivery.entry",
        "server.address": "127.0.0.1",
        "server.port": site.postgres.port,
    }
    assert children["MGET"].attributes == {"db.system.name": "redis", "db.operation.name": "MGET"}


async def test_each_part_shows_what_it_asks_the_database_for(
    site: Site, collector: Collector
) -> None:
    async with site.pod(**traced(collector, "0")) as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        entry = await acme.publish_new(title="Hello", slug="hello")
        host = {"host": "acme.example"}
        expect(await acme.client.post(f"{acme.root}/hosts", json=host), 201)
        asked = {
            f"{acme.root}/search?q=hello": "entries.search",
            f"{acme.entries}/{entry['id']}/versions": "versions.list",
            f"{acme.entries}/{entry['id']}/schedule": "schedules.get",
            f"{acme.root}/content-types/article/bin": "bin.list",
            f"{acme.root}/audit-log": "audit.list",
            "http://acme.example/v1/tenant/users": "hosts.tenants",
        }
        for number, path in enumerate(asked, 1):
            parent = {"traceparent": f"00-{number:032x}-{PARENT}-01"}
            expect(await acme.client.get(path, headers=parent), 200)
        received = await collector.wait_for(lambda spans: len(servers(spans)) == len(asked))
    shown = {(int(each.span.trace_id.hex(), 16), each.span.name) for each in received}
    assert set(enumerate(asked.values(), 1)) <= shown


async def test_no_secret_and_no_content_leaves_with_a_span(
    site: Site, collector: Collector
) -> None:
    async with site.pod(**traced(collector)) as pod:
        acme = await pod.log_in("acme")
        await acme.make_type()
        await acme.publish_new(title="Nobody but readers", slug="hello")
        taken = await acme.client.post(
            acme.entries, json={"fields": {"title": "Nobody but readers", "slug": "hello"}}
        )
        expect(taken, 409)
        wrong = {"email": owner_email("acme"), "password": "hunter2 hunter2"}
        expect(await acme.client.post(f"{acme.root}/auth/login?x=hunter2", json=wrong), 400)
        expect(await acme.client.post(f"{acme.root}/auth/login", json=wrong), 401)
        refresh = {"refreshToken": acme.tokens["refreshToken"]}
        expect(await acme.client.post(f"{acme.root}/auth/refresh", json=refresh), 200)
        await collector.wait_for(lambda spans: len(servers(spans)) == 8)
    sent = b"".join(collector.raw)
    assert b"EVAL" in sent
    for secret in (
        PASSWORD,
        SERVICE_PASSWORD,
        "hunter2",
        "Nobody but readers",
        owner_email("acme"),
        "SELECT",
        "hcms:{",
        acme.tokens["accessToken"],
        acme.tokens["refreshToken"],
    ):
        assert secret.encode() not in sent


async def test_what_fails_is_an_error_and_says_no_more_than_its_kind(
    site: Site, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine: nobody asks again.
    monkeypatch.setattr("cms_service.core.redis.store._PAUSE_SECONDS", 60)
    nowhere = {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0", **traced(collector)}
    async with site.pod(**nowhere) as pod, pod.client() as client:
        right = {"email": owner_email("acme"), "password": PASSWORD}
        expect(await client.post("/v1/tenants/acme/auth/login", json=right), 503)
        received = await collector.wait_for(lambda spans: len(servers(spans)) == 1)
    (server,) = servers(received)
    commands = [each for each in received if each.attributes.get("db.system.name") == "redis"]
    (command,) = commands  # the first one that fails
    for failed, kind in ((server, "503"), (command, "ConnectionError")):
        assert failed.span.status.code == Status.STATUS_CODE_ERROR
        assert failed.span.status.message == ""
        assert failed.attributes["error.type"] == kind
        assert len(failed.span.events) == 0


@pytest.mark.parametrize(
    ("ratio", "headers", "is_sampled"),
    [
        ("1", {}, True),
        ("0", {}, False),
        ("0", SAMPLED, True),
        ("1", UNSAMPLED, False),
        ("1", {"traceparent": "00-nonsense-01"}, True),
    ],
)
async def test_the_caller_decides_what_is_sampled_and_otherwise_the_ratio(
    site: Site, collector: Collector, ratio: str, headers: dict[str, str], *, is_sampled: bool
) -> None:
    async with site.pod(**traced(collector, ratio)) as pod, pod.client() as client:
        expect(await client.get("/v1/delivery/acme/article", headers=headers), 401)
        expect(await client.get("/health", headers=SAMPLED), 200)
    names = [each.span.name for each in servers(collector.received)]
    assert names == ([f"GET {ENTRY.rpartition('/')[0]}"] if is_sampled else []) + ["GET /health"]


async def test_without_a_collector_nothing_is_lost_but_spans_and_they_are_counted(
    site: Site,
) -> None:
    made = 0
    async with site.pod(**traced(Collector())) as pod, pod.client() as client:
        while counted(pod, "dropped") == 0:  # the queue is full
            expect(await client.get("/nothing"), 404)
            made += 1
    assert (counted(pod, "exported"), counted(pod, "dropped")) == (0, made)


async def test_a_collector_that_comes_back_gets_what_is_new(site: Site) -> None:
    collector = Collector()
    async with site.pod(**traced(collector)) as pod, pod.client() as client:
        expect(await client.get("/nothing"), 404)
        with collector.running():
            expect(await client.get("/health"), 200)
            await collector.wait_for(
                lambda spans: "GET /health" in {each.span.name for each in spans}
            )
    assert counted(pod, "exported") >= 1


async def test_a_pod_that_is_told_to_stop_sends_its_last_spans(
    site: Site, collector: Collector, tmp_path: Path
) -> None:
    environment = site.environment(DRAIN_SECONDS="0", **traced(collector))
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        for _ in range(20):
            assert httpx.get(f"{pod.url}/nothing").status_code == 404
        pod.terminate()
        assert pod.wait() == 0
    names = [each.span.name for each in collector.received]
    assert names.count("GET unmatched") == 20


async def test_a_pod_that_is_told_to_stop_does_not_wait_for_a_collector_that_hangs(
    site: Site, tmp_path: Path
) -> None:
    away = Collector()
    environment = site.environment(DRAIN_SECONDS="0", **traced(away))
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        assert httpx.get(f"{pod.url}/nothing").status_code == 404
        pod.terminate()
        assert pod.wait() == 0
    assert "stopped" in {line["message"] for line in pod.log_lines()}


async def test_every_line_of_a_request_names_its_trace(site: Site, tmp_path: Path) -> None:
    with ServeProcess(site.environment(), tmp_path / "log") as pod:
        pod.wait_until_ready()
        for headers in (SAMPLED, {}):
            httpx.get(f"{pod.url}/v1/tenants/acme/users", headers=headers)
        wait_until(lambda: pod.log.read_text().count(":401") == 2, "not logged")
        first, second = [line for line in pod.log_lines() if line["message"] == "request"]
    assert first["traceId"] == TRACE
    assert first["spanId"] != PARENT
    assert second["traceId"] != TRACE
    assert (len(second["traceId"]), len(second["spanId"])) == (32, 16)


async def test_the_log_names_the_span_that_the_collector_gets(
    site: Site, collector: Collector, tmp_path: Path
) -> None:
    environment = site.environment(DRAIN_SECONDS="0", **traced(collector))
    with ServeProcess(environment, tmp_path / "log") as pod:
        pod.wait_until_ready()
        httpx.get(f"{pod.url}/nothing", headers=SAMPLED)
        pod.terminate()
        assert pod.wait() == 0
        (line,) = [line for line in pod.log_lines() if line["message"] == "request"]
    (server,) = [
        each.span for each in servers(collector.received) if each.span.name != "GET /health"
    ]
    assert (line["traceId"], line["spanId"]) == (TRACE, server.span_id.hex())


def test_who_traces_nothing_does_not_even_import_it(site: Site) -> None:
    code = """
import sys
from cms_service import app
from cms_service.core.settings.loading import load
from cms_service.core.settings.serve import ServeSettings
app.build(load(ServeSettings))
recording = ("opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf", "requests")
print([name for name in sys.modules if name.startswith(recording)])
"""
    done = subprocess.run(  # noqa: S603 - the arguments are our own
        [sys.executable, "-c", code],
        env=site.environment(),
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
