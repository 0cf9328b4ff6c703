"""Requests of the operator's own, to real servers on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cms_operator.cluster import synthetic
from cms_operator.cluster.pods import Target
from cms_operator.cluster.synthetic import BUCKETS, SyntheticLimits, SyntheticSender
from cms_service.core.metrics import Metrics
from tests.unit.analysis.servers import Serve, endless, never

SOON = SyntheticLimits(pause_seconds=0, answer_seconds=10, sending_seconds=60)


@pytest.fixture
async def sender() -> AsyncIterator[SyntheticSender]:
    made = SyntheticSender(SOON)
    yield made
    await made.close()


def target(server: TestServer) -> Target:
    assert server.port is not None
    return Target("127.0.0.1", server.port)


async def good(_: web.Request) -> web.Response:
    return web.Response(text="ok")


def test_the_buckets_are_those_of_the_cms() -> None:
    metrics = Metrics("revision")
    metrics.observe_request("GET", "/health", 200, 0.1)
    bounds = [
        float(sample.labels["le"])
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == "hcms_http_request_duration_seconds_bucket"
    ]
    assert bounds == [*BUCKETS, float("inf")]


async def test_every_pod_gets_as_many_and_each_request_is_marked(
    serve: Serve, sender: SyntheticSender
) -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers["X-HCMS-Synthetic"]))
        return web.Response(text="ok")

    pods = [target(await serve(answer)) for _ in range(3)]
    results = await sender.send(pods, 5, "/posts?limit=1")
    assert seen == [("GET", "/posts?limit=1", "analysis")] * 15
    assert list(results) == pods
    for result in results.values():
        assert (result.sent, result.failed, result.buckets[-1]) == (5, 0, 5)
        assert list(result.buckets) == sorted(result.buckets)


async def test_health_is_asked_where_nothing_else_is_said(
    serve: Serve, sender: SyntheticSender
) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response()

    await sender.send([target(await serve(answer))], 1)
    assert paths == ["/health"]


@pytest.mark.parametrize(
    ("status", "failed"), [(200, 0), (204, 0), (301, 0), (404, 0), (500, 4), (503, 4)]
)
async def test_a_5xx_is_a_failure_as_in_the_metrics_of_the_cms(
    serve: Serve, sender: SyntheticSender, status: int, failed: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": "/elsewhere"})

    pod = target(await serve(answer))
    result = (await sender.send([pod], 4))[pod]
    assert (result.sent, result.failed, result.buckets[-1]) == (4, failed, 4)


async def test_a_slow_answer_falls_in_no_faster_bucket(
    serve: Serve, sender: SyntheticSender
) -> None:
    async def late(_: web.Request) -> web.Response:
        await asyncio.sleep(0.06)
        return web.Response()

    pod = target(await serve(late))
    result = (await sender.send([pod], 1))[pod]
    assert result.buckets[BUCKETS.index(0.05)] == 0
    assert result.buckets[-1] == 1


async def test_no_answer_is_a_failure_without_a_duration(
    serve: Serve, unused_tcp_port: int
) -> None:
    sender = SyntheticSender(SyntheticLimits(0, answer_seconds=0.05, sending_seconds=60))
    gone, hanging = Target("127.0.0.1", unused_tcp_port), target(await serve(never))
    results = await sender.send([gone, hanging], 2)
    await sender.close()
    for result in results.values():
        assert (result.sent, result.failed, result.buckets[-1]) == (2, 2, 0)


async def test_when_time_has_run_out_no_more_is_sent(serve: Serve) -> None:
    sender = SyntheticSender(SyntheticLimits(0, answer_seconds=10, sending_seconds=0))
    pod = target(await serve(good))
    result = (await sender.send([pod], 3))[pod]
    await sender.close()
    assert (result.sent, result.failed, sum(result.buckets)) == (0, 0, 0)


async def test_only_a_few_pods_are_asked_at_once(serve: Serve, sender: SyntheticSender) -> None:
    now, most = 0, 0
    full = asyncio.Event()

    async def count(_: web.Request) -> web.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        if now == synthetic.AT_ONCE:
            full.set()
        await full.wait()
        now -= 1
        return web.Response()

    pods = [target(await serve(count)) for _ in range(2 * synthetic.AT_ONCE)]
    await sender.send(pods, 2)
    assert most == synthetic.AT_ONCE


async def test_an_endless_answer_is_left(serve: Serve, sender: SyntheticSender) -> None:
    pod = target(await serve(endless))
    assert (await sender.send([pod], 1))[pod].failed == 0


@pytest.mark.parametrize(
    "path", ["", "health", "//\r\nHost: x", "/a b", "/a#b", "/é", "http://evil/", "/" + "a" * 256]
)
async def test_what_is_no_path_is_refused(sender: SyntheticSender, path: str) -> None:
    with pytest.raises(ValueError, match="must be a path that begins with /"):
        await sender.send([], 1, path)


@pytest.mark.parametrize(("pods", "per_pod"), [(51, 1), (1, 0), (1, 51), (1, -1)])
async def test_too_much_is_refused_before_anything_is_sent(
    sender: SyntheticSender, pods: int, per_pod: int
) -> None:
    targets = [Target("127.0.0.1", 1 + number) for number in range(pods)]
    with pytest.raises(ValueError, match="at most 50 pods get 1 to 50 requests each"):
        await sender.send(targets, per_pod)


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert Target("fd00::7", 3000).url("/health") == "http://[fd00::7]:3000/health"
    assert Target("10.0.0.7", 3000).url("/health") == "http://10.0.0.7:3000/health"
