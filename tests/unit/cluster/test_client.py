"""The client of the API server, against a server of the test's own on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from kubernetes.aio import client

from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.transport.client import READ_AHEAD, KubernetesClient
from cms_operator.observability.metrics import REGISTRY
from tests.unit.observability.scraping import value

LONG = "x" * (READ_AHEAD * 20)
EVENTS = [
    {"type": "ADDED", "object": {"metadata": {"name": "short"}}},
    {"type": "MODIFIED", "object": {"metadata": {"name": LONG}}},
    {"type": "DELETED", "object": {"metadata": {"name": "short"}}},
]


async def watched(request: web.Request) -> web.StreamResponse:
    """Send events in pieces that have nothing to do with the lines."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    text = "".join(json.dumps(event) + "\n" for event in EVENTS).encode()
    size = int(request.query["size"])
    for start in range(0, len(text), size):
        await answer.write(text[start : start + size])
        await asyncio.sleep(0)
    return answer


async def gone(_: web.Request) -> web.Response:
    return web.json_response({"reason": "Expired", "message": "too old"}, status=410)


async def refused(_: web.Request) -> web.Response:
    return web.json_response({"reason": "Forbidden", "message": "no right"}, status=403)


@pytest.fixture
async def api() -> AsyncIterator[KubernetesClient]:
    app = web.Application()
    app.router.add_get("/watched", watched)
    app.router.add_get("/gone", gone)
    app.router.add_get("/apis/apps/v1/deployments", refused)
    async with TestServer(app) as server:
        configuration = client.Configuration(host=str(server.make_url("")).rstrip("/"))
        configuration.client_session_kwargs = {"trust_env": False, "read_bufsize": READ_AHEAD}
        kubernetes = KubernetesClient(client.ApiClient(configuration))
        yield kubernetes
        await kubernetes.close()


@pytest.mark.parametrize("size", [1000, 4096, READ_AHEAD * 50])
async def test_an_object_longer_than_what_is_read_ahead_comes_whole(
    api: KubernetesClient, size: int
) -> None:
    assert [event async for event in api.watch("/watched", {"size": str(size)})] == EVENTS


async def test_a_watch_that_the_server_refuses_says_why(api: KubernetesClient) -> None:
    with pytest.raises(ApiError, match="410 Expired: too old"):
        async for _ in api.watch("/gone", {}):
            pass


async def test_a_right_to_watch_that_is_missing_is_counted_each_time(api: KubernetesClient) -> None:
    labels = {"verb": "watch", "resource": "deployments"}
    before = value(REGISTRY, "hcms_operator_api_forbidden_total", **labels)
    for _ in range(2):
        with pytest.raises(ApiError, match="403"):
            async for _ in api.watch("/apis/apps/v1/deployments", {}):
                pass
    await api.get("/apis/apps/v1/deployments?watch=true", 10)
    assert value(REGISTRY, "hcms_operator_api_forbidden_total", **labels) == before + 3
