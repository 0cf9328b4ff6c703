"""Pods that hang, and the readings of others; each pod is a real server on loopback."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cms_operator.cluster.outbound import pods
from cms_operator.cluster.outbound.pods import PodReader
from tests.unit.analysis.servers import Serve, hanging, never, target

SECONDS = 10.0
SHARE = pods.AT_ONCE_PER_NAMESPACE


async def tell(_: web.Request) -> web.StreamResponse:
    return web.json_response({"jwtKeysGeneration": 7})


@pytest.fixture
async def reader() -> AsyncIterator[PodReader]:
    made = PodReader(SECONDS)
    yield made
    await made.close()


async def test_pods_that_hang_keep_nobody_from_those_of_another_namespace(
    serve: Serve, reader: PodReader
) -> None:
    """Else whoever has as many as are read at once stops the rotations and releases of all."""
    hang, full = hanging(SHARE)
    theirs = [target(await serve(hang), "team-b")] * pods.AT_ONCE
    crowd = asyncio.create_task(reader.key_generations(theirs))
    await full.wait()
    async with asyncio.timeout(SECONDS):
        found = await reader.key_generations([target(await serve(tell))])
    assert found == (7,)
    crowd.cancel()
    await asyncio.gather(crowd, return_exceptions=True)


async def test_of_many_pods_that_answer_each_one_is_heard(serve: Serve, reader: PodReader) -> None:
    targets = [target(await serve(tell))] * (3 * SHARE)
    assert await reader.key_generations(targets) == (7,) * (3 * SHARE)


async def test_pods_that_wait_for_others_of_their_namespace_are_told_of(serve: Serve) -> None:
    hasty = PodReader(0.05)
    targets = [target(await serve(never))] * (4 * SHARE)
    found = await asyncio.gather(*(hasty.metrics(each) for each in targets))
    await hasty.close()
    assert "its admin port gives no answer" in found
    assert "its admin port was not asked: others of its kind gave no answer for 0.05 s" in found
