"""A write leaves the process only while its lease lasts, whatever it has waited for before."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from cms_operator.cluster.transport.client import KubernetesClient
from cms_operator.cluster.transport.fence import Fence, NotLeadingError
from cms_operator.election import Timing

TIMING = Timing(15)
PATIENCE = 60
WRITES = {"POST": {"a": 1}, "PATCH": {"a": 1}, "DELETE": {"a": 1}, "PUT": {"a": 1}}


class World:
    """An API server that remembers what it was asked, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked: list[str] = []
        self.timeouts: list[str | None] = []
        self.arrived = asyncio.Event()
        self.go_on = asyncio.Event()
        self.fence = Fence(TIMING, lambda: self.now)

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(f"{request.method} {request.path}")
        self.timeouts.append(request.query.get("timeout"))
        self.arrived.set()
        if request.path == "/slow":
            await self.go_on.wait()
        return web.json_response({})


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def configuration(world: World) -> AsyncIterator[client.Configuration]:
    """Allows one connection, for which requests have to wait."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", world.answer)
    async with TestServer(application, host="127.0.0.1") as server:
        made = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        made.connection_pool_maxsize = 1
        made.trace_configs = [world.fence.at_the_socket()]
        yield made


@pytest.fixture
async def api(world: World, configuration: client.Configuration) -> AsyncIterator[KubernetesClient]:
    made = KubernetesClient(client.ApiClient(configuration), fence=world.fence)
    yield made
    await made.close()


@pytest.mark.parametrize("method", WRITES)
async def test_a_write_is_sent_while_the_lease_lasts_and_not_after(
    world: World, api: KubernetesClient, method: str
) -> None:
    for age, sent in [(0, True), (9.9, True), (10, False), (1e6, False)]:
        world.fence.renewed(world.now - age)
        with contextlib.nullcontext() if sent else pytest.raises(NotLeadingError):
            await api.request(method, "/x", body=WRITES[method])
    assert world.asked == [f"{method} /x"] * 2


async def test_before_the_first_renewal_and_after_the_end_nothing_is_written(
    world: World, api: KubernetesClient
) -> None:
    with pytest.raises(NotLeadingError):
        await api.request("PATCH", "/x", body={})
    world.fence.renewed(world.now)
    world.fence.close()
    with pytest.raises(NotLeadingError):
        await api.request("PATCH", "/x", body={})
    await api.request("GET", "/x")
    assert world.asked == ["GET /x"], "a standby reads"


async def test_a_write_that_had_to_wait_for_a_connection_is_asked_about_again(
    world: World, api: KubernetesClient
) -> None:
    world.fence.renewed(world.now)
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        group.create_task(api.request("GET", "/slow"))
        await world.arrived.wait()
        writing = group.create_task(refused(api))
        await asyncio.sleep(0)
        assert not writing.done()
        world.now += TIMING.renew_deadline
        world.go_on.set()
    assert world.asked == ["GET /slow"]


async def test_a_write_that_had_to_wait_for_a_token_is_asked_about_again(
    world: World, api: KubernetesClient, configuration: client.Configuration
) -> None:
    async def refresh(_: object) -> None:
        world.now += TIMING.renew_deadline

    configuration.api_key = {"BearerToken": "old"}
    configuration.refresh_api_key_hook = refresh  # type: ignore[assignment]  # it has no types
    world.fence.renewed(world.now)
    await refused(api)
    assert world.asked == []


async def refused(api: KubernetesClient) -> None:
    with pytest.raises(NotLeadingError):
        await api.request("PATCH", "/x", body={"a": 1})


@pytest.mark.parametrize(("age", "seconds"), [(0, "14s"), (5, "9s"), (9.9, "4s")])
async def test_the_server_gives_a_write_up_before_another_may_lead(
    world: World,
    api: KubernetesClient,
    age: float,
    seconds: str,
) -> None:
    world.fence.renewed(world.now - age)
    await api.request("PATCH", "/x", body={}, query={"force": "true"})
    await api.request("GET", "/x")
    assert world.timeouts == [seconds, None]


async def test_who_gives_the_lease_back_waits_for_what_is_under_way(
    world: World, api: KubernetesClient
) -> None:
    world.fence.renewed(world.now)
    assert await world.fence.idle(PATIENCE)
    writing = asyncio.create_task(api.request("PATCH", "/slow", body={}))
    await world.arrived.wait()
    world.fence.close()
    assert not await world.fence.idle(0.01)
    world.go_on.set()
    assert await world.fence.idle(PATIENCE)
    await writing
