"""Requests of the operator's own, to real servers on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cms_operator.cluster.outbound import synthetic
from cms_operator.cluster.outbound.pods import Target
from cms_operator.cluster.outbound.synthetic import SyntheticLimits, SyntheticSender
from tests.unit.analysis.servers import Serve, endless, hanging, never, target

SOON = SyntheticLimits(pause_seconds=0, answer_seconds=10, sending_seconds=60)


@pytest.fixture
async def sender() -> AsyncIterator[SyntheticSender]:
    made = SyntheticSender(SOON)
    yield made
    await made.close()


async def test_every_pod_gets_as_many_and_each_request_is_marked(
    serve: Serve, sender: SyntheticSender
) -> None:
    seen: list[tuple[str, str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, request.headers["X-HCMS-Synthetic"]))
        return web.Response(text="ok")

    pods = [target(await serve(answer)) for _ in range(3)]
    await sender.send(pods, 5, "/posts?limit=1")
    assert seen == [("GET", "/posts?limit=1", "analysis")] * 15


async def test_a_redirection_is_not_followed(serve: Serve, sender: SyntheticSender) -> None:
    paths: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        paths.append(request.path)
        return web.Response(status=301, headers={"Location": "/elsewhere"})

    await sender.send([target(await serve(answer))], 2, "/posts")
    assert paths == ["/posts"] * 2


async def test_pods_without_an_answer_keep_no_other_waiting_for_long(
    serve: Serve, unused_tcp_port: int
) -> None:
    asked = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response()

    sender = SyntheticSender(SyntheticLimits(0, answer_seconds=0.05, sending_seconds=60))
    gone = Target("team-a", "127.0.0.1", unused_tcp_port)
    hanging = target(await serve(never))
    await sender.send([gone, hanging, target(await serve(count))], 3, "/")
    await sender.close()
    assert asked == 3


async def test_when_time_has_run_out_no_more_is_sent(serve: Serve) -> None:
    asked = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.Response()

    sender = SyntheticSender(SyntheticLimits(0, answer_seconds=10, sending_seconds=0))
    await sender.send([target(await serve(count))], 3, "/")
    await sender.close()
    assert asked == 0


SHARE = synthetic.AT_ONCE_PER_NAMESPACE


async def test_only_a_few_pods_of_a_namespace_are_asked_at_once(
    serve: Serve, sender: SyntheticSender
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
        return web.Response()

    pods = [target(await serve(count)) for _ in range(2 * SHARE)]
    await sender.send(pods, 2, "/")
    assert most == SHARE


async def test_pods_that_hang_keep_no_request_from_those_of_another_namespace(
    serve: Serve, sender: SyntheticSender
) -> None:
    """Else whoever has a few of them decides that nobody's release can be judged."""
    hang, full = hanging(SHARE)
    answered = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal answered
        answered += 1
        return web.Response(text="ok")

    theirs = [target(await serve(hang), "team-b") for _ in range(synthetic.AT_ONCE)]
    crowd = asyncio.create_task(sender.send(theirs, 50, "/"))
    await full.wait()
    async with asyncio.timeout(SOON.answer_seconds):
        await sender.send([target(await serve(count))], 3, "/")
    assert answered == 3
    crowd.cancel()
    await asyncio.gather(crowd, return_exceptions=True)


async def test_an_endless_answer_is_left_long_before_its_time_is_up(serve: Serve) -> None:
    sender = SyntheticSender(SyntheticLimits(0, answer_seconds=3600, sending_seconds=3600))
    async with asyncio.timeout(60):
        await sender.send([target(await serve(endless))], 1, "/")
    await sender.close()


def test_an_address_of_ipv6_stands_in_brackets() -> None:
    assert Target("team-a", "fd00::7", 3000).url("/health") == "http://[fd00::7]:3000/health"
    assert Target("team-a", "10.0.0.7", 3000).url("/health") == "http://10.0.0.7:3000/health"


async def test_an_operator_that_no_longer_leads_sends_no_more(serve: Serve) -> None:
    sent = 0

    async def count(_: web.Request) -> web.Response:
        nonlocal sent
        sent += 1
        return web.Response(text="ok")

    sender = SyntheticSender(SOON, may_send=lambda: sent < 3)
    await sender.send([target(await serve(count))], 10, "/posts")
    await sender.close()
    assert sent == 3
