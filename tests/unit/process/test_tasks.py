"""Tasks end, even one whose cancellation got lost."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from cms_operator import tasks

PATIENCE = 60


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_SECONDS", 0.01)


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    """A server that takes connections and answers nothing."""
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_task_whose_request_times_out_in_the_moment_of_its_cancellation(
    silent: str,
) -> None:
    lost = asyncio.Event()

    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            try:
                await session.get(silent, timeout=aiohttp.ClientTimeout(total=0.2))
            except TimeoutError:
                lost.set()
        await asyncio.Event().wait()

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work())
    await asyncio.sleep(0.1)
    loop.call_later(0.15, task.cancel)
    time.sleep(0.5)  # noqa: ASYNC251  - both are due when the loop goes on
    async with asyncio.timeout(PATIENCE):
        await lost.wait()  # else aiohttp has been mended, and once is enough
        await tasks.end([task])
    assert task.cancelled()


async def test_a_task_that_takes_no_notice_at_first() -> None:
    refusals = 3

    async def work() -> None:
        nonlocal refusals
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                refusals -= 1
                if not refusals:
                    raise

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE):
        await tasks.end([task])
    assert task.cancelled()


async def test_one_that_had_failed_is_told_of_and_stops_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise RuntimeError("a defect")

    failed, other = asyncio.create_task(fail()), asyncio.create_task(asyncio.sleep(PATIENCE))
    await asyncio.wait([failed])
    await tasks.end([failed, other])
    assert other.cancelled()
    assert "a defect" in caplog.text
