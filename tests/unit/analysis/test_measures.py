"""Providers of measures, good, bad and away; each a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cms_operator.api.fields.measures import Measure
from cms_operator.cluster.outbound import measures
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.rollout.analysis.readings import MeasureContext, Reading
from cms_operator.settings import PrometheusSettings, SettingsError
from tests.support.measures import PROMETHEUS, WEBHOOK
from tests.unit.analysis.servers import Handler, Loopback, Serve, endless, never

CONTEXT = MeasureContext("team-a", "shop", "5d9fa1b2c3", "77b0c1d2e3", 1, 3)
QUERY = Measure.model_validate(PROMETHEUS)
SAMPLE = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [{"metric": {}, "value": [1435781451.781, "0.01"]}],
    },
}
PASS = {"verdict": "pass"}

Reader = Callable[..., MeasureReader]


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    made: list[MeasureReader] = []

    def make(url: str = "", *, seconds: float = 10, **files: str) -> MeasureReader:
        made.append(MeasureReader(PrometheusSettings(url, **files), Loopback(), seconds))
        return made[-1]

    yield make
    for each in made:
        await each.close()


def webhook(port: int | None, path: str = "/verdict") -> Measure:
    return Measure.model_validate(
        {**WEBHOOK, "webhook": {"service": "judge", "port": port, "path": path}}
    )


async def ask(
    provider: str, handler: Handler, serve: Serve, reader: Reader, seconds: float = 10
) -> Reading:
    server = await serve(handler)
    if provider == "prometheus":
        url = str(server.make_url("")).rstrip("/")
        return await reader(url, seconds=seconds).read(QUERY, CONTEXT)
    return await reader(seconds=seconds).read(webhook(server.port), CONTEXT)


both = pytest.mark.parametrize("provider", ["prometheus", "webhook"])


async def test_prometheus_gets_the_query_and_the_namespace(serve: Serve, reader: Reader) -> None:
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(SAMPLE)

    url = str((await serve(answer)).make_url("/prefix"))
    assert await reader(url).read(QUERY, CONTEXT) == Reading("errors", value=0.01, passed=True)
    (request,) = seen
    assert (request.method, request.path) == ("GET", "/prefix/api/v1/query")
    assert dict(request.query) == {
        "query": 'sum(rate(errors{revision="5d9fa1b2c3"}[1m]))',
        "namespace": "team-a",
    }
    assert "Authorization" not in request.headers


async def test_a_webhook_gets_the_release_and_is_a_service_of_the_own_namespace(
    serve: Serve,
) -> None:
    seen: list[tuple[str, str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, await request.json()))
        return web.json_response(PASS)

    server = await serve(answer)
    dns = Loopback()
    reader = MeasureReader(PrometheusSettings(), dns)
    found = await reader.read(webhook(server.port, "/verdict?deep=1"), CONTEXT)
    await reader.close()
    assert found == Reading("orders", passed=True, detail="pass")
    assert dns.asked == ["judge.team-a.svc"]
    assert seen == [
        (
            "POST",
            "/verdict?deep=1",
            {
                "namespace": "team-a",
                "name": "shop",
                "candidate": "5d9fa1b2c3",
                "candidateReplicas": 1,
                "stable": "77b0c1d2e3",
                "stableReplicas": 3,
            },
        )
    ]


async def test_prometheus_tells_what_is_wrong_with_a_query(serve: Serve, reader: Reader) -> None:
    async def refuse(_: web.Request) -> web.Response:
        error = {"status": "error", "errorType": "bad_data", "error": "unknown function\n" * 40}
        return web.json_response(error, status=400)

    found = await ask("prometheus", refuse, serve, reader)
    assert found.error.startswith("Prometheus refused: unknown function unknown function")
    assert len(found.error) == 200


async def test_without_a_prometheus_the_missing_setting_is_named(reader: Reader) -> None:
    found = await reader().read(QUERY, CONTEXT)
    assert found.passed is None
    assert "HCMS_PROMETHEUS_URL" in found.error


async def test_a_name_that_could_change_the_query_is_never_sent(reader: Reader) -> None:
    context = MeasureContext("team-a", "shop", '"} or vector(0)', "s", 1, 1)
    found = await reader("http://127.0.0.1:1").read(QUERY, context)
    assert found.error == "{{candidate}} has characters that a query may not get"


async def server_error(_: web.Request) -> web.Response:
    return web.json_response({**SAMPLE, **PASS}, status=500)


async def large(_: web.Request) -> web.Response:
    return web.json_response({**SAMPLE, **PASS, "more": "a" * measures.MAX_BYTES})


async def compressed(_: web.Request) -> web.Response:
    response = web.json_response({**SAMPLE, **PASS, "more": "a" * 10_000_000})
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def page(_: web.Request) -> web.Response:
    return web.Response(text="<html>welcome</html>")


async def deep(_: web.Request) -> web.Response:
    return web.Response(text="[" * 50_000)


async def other_json(_: web.Request) -> web.Response:
    return web.json_response(["pass"])


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@both
@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (server_error, "answered with the status 500"),
        (large, "answered with more than 64 KiB"),
        (endless, "answered with more than 64 KiB"),
        (compressed, "did not answer with JSON"),
        (page, "did not answer with JSON"),
        (deep, "did not answer with JSON"),
        (other_json, "gave"),
        (hang_up, "cannot be reached"),
    ],
)
async def test_a_broken_provider_is_an_error_and_no_verdict(
    provider: str, handler: Handler, words: str, serve: Serve, reader: Reader
) -> None:
    found = await ask(provider, handler, serve, reader)
    assert (found.value, found.passed, found.detail) == (None, None, "")
    assert words in found.error


@both
async def test_a_redirect_is_not_followed(provider: str, serve: Serve, reader: Reader) -> None:
    visits: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        visits.append(request.path)
        if request.path != "/elsewhere":
            raise web.HTTPTemporaryRedirect("/elsewhere")
        return web.json_response({**SAMPLE, **PASS})

    found = await ask(provider, answer, serve, reader)
    assert "answered with the status 307" in found.error
    assert "/elsewhere" not in visits


@both
async def test_a_slow_provider_is_waited_for_no_longer_than_its_time(
    provider: str, serve: Serve, reader: Reader
) -> None:
    found = await ask(provider, never, serve, reader, seconds=0.05)
    assert found.passed is None
    assert "gave no answer within 0.05 s" in found.error


async def test_a_provider_that_is_not_there(reader: Reader, unused_tcp_port: int) -> None:
    away = f"http://127.0.0.1:{unused_tcp_port}"
    for measure in (QUERY, webhook(unused_tcp_port)):
        found = await reader(away).read(measure, CONTEXT)
        assert found.passed is None
        assert "cannot be reached" in found.error
        assert "127.0.0.1" not in found.error


async def test_a_proxy_of_the_environment_sees_nothing(
    serve: Serve, reader: Reader, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    monkeypatch.setenv("no_proxy", "")

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({**SAMPLE, **PASS})

    for provider in ("prometheus", "webhook"):
        assert (await ask(provider, answer, serve, reader)).passed is True


SHARE = measures.AT_ONCE_PER_NAMESPACE


@both
async def test_a_namespace_asks_few_at_once_and_all_get_their_answers(
    provider: str, serve: Serve, reader: Reader
) -> None:
    now, most = 0, 0
    full = asyncio.Event()

    async def count(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == SHARE:
            full.set()
        await full.wait()
        now -= 1
        return web.json_response({**SAMPLE, **PASS})

    server = await serve(count)
    asked = reader(str(server.make_url("")))
    measure = QUERY if provider == "prometheus" else webhook(server.port)
    found = await asyncio.gather(*(asked.read(measure, CONTEXT) for _ in range(3 * SHARE)))
    assert all(reading.passed for reading in found)
    assert most == SHARE


@both
async def test_one_namespace_whose_measures_hang_spoils_no_others(
    provider: str, serve: Serve, reader: Reader
) -> None:
    """Each object of theirs asks ten, of as many ports as they like."""
    full, asking = asyncio.Event(), 0

    async def hang(request: web.Request) -> web.StreamResponse:
        nonlocal asking
        if request.query.get("namespace") == "team-a" or request.path == "/good":
            return web.json_response({**SAMPLE, **PASS})
        asking += 1
        if asking == SHARE:
            full.set()
        return await never(request)

    servers = [await serve(hang) for _ in range(5)]
    asked = reader(str(servers[0].make_url("")))
    theirs = MeasureContext("team-b", "blog", "b", "a", 1, 3)
    hanging = [QUERY if provider == "prometheus" else webhook(each.port) for each in servers]
    crowd = [asyncio.create_task(asked.read(each, theirs)) for each in hanging for _ in range(10)]
    await full.wait()
    good = QUERY if provider == "prometheus" else webhook(servers[0].port, "/good")
    assert (await asked.read(good, CONTEXT)).passed is True
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


@both
async def test_what_waits_too_long_behind_others_says_so(
    provider: str, serve: Serve, reader: Reader
) -> None:
    server = await serve(never)
    asked = reader(str(server.make_url("")), seconds=0.2)
    measure = QUERY if provider == "prometheus" else webhook(server.port)
    found = await asyncio.gather(*(asked.read(measure, CONTEXT) for _ in range(5 * SHARE)))
    assert {reading.passed for reading in found} == {None}
    assert "gave no answer within 0.2 s" in found[0].error
    assert found[-1].error == "not asked: others of its kind gave no answer for 0.4 s"


async def test_the_token_is_read_anew_for_each_query(
    serve: Serve, reader: Reader, tmp_path: Path
) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response(SAMPLE)

    server = await serve(answer)
    token = tmp_path / "token"
    asked = reader(str(server.make_url("")), token_file=str(token))
    for text in ("first\n", "second"):
        token.write_text(text)
        assert (await asked.read(QUERY, CONTEXT)).passed is True
    assert seen == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize("content", [None, "", "  \n", "a\nb", "a b", "ä"])
async def test_a_token_that_no_header_can_hold_is_not_sent(
    reader: Reader, tmp_path: Path, content: str | None
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content, encoding="utf-8")
    asked = reader("http://127.0.0.1:1", token_file=str(token))
    found = await asked.read(QUERY, CONTEXT)
    assert found == Reading("errors", error="HCMS_PROMETHEUS_TOKEN_FILE holds no usable token")


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_that_cannot_be_used_is_told_at_the_start(
    reader: Reader, tmp_path: Path, content: str | None
) -> None:
    ca = tmp_path / "ca.crt"
    if content is not None:
        ca.write_text(content)
    with pytest.raises(SettingsError, match="HCMS_PROMETHEUS_CA_FILE cannot be used"):
        reader("https://prometheus.example", ca_file=str(ca))


@pytest.mark.parametrize("service", ["xn--a", "a--b", "0", "a" * 63])
async def test_a_service_of_any_name_is_asked(serve: Serve, reader: Reader, service: str) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response(PASS)

    port = (await serve(answer)).port
    measure = Measure.model_validate({"name": "m", "webhook": {"service": service, "port": port}})
    found = await reader().read(measure, CONTEXT)
    assert found == Reading("m", passed=True, detail="pass")
