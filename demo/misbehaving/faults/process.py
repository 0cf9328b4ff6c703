"""Faults of the process: it comes up as ever, and then does not stay, or never gets ready."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable
from unittest import mock

from cms_service import server
from cms_service.core.lifecycle import Lifecycle
from cms_service.core.postgres.database import Database
from cms_service.startup import check_until_ready

logger = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[object]]

CRASH_SECONDS = 30.0
CRASH_CODE = 3
LEAK_BYTES = 4 * 2**20
LEAK_PAUSE_SECONDS = 0.25
# A pod without a memory limit must not take the machine down.
LEAK_AT_MOST = 2 * 2**30


def once_ready(act: Callable[[], Awaitable[None]]) -> contextlib.AbstractContextManager[object]:
    async def check_and_act(database: Database, lifecycle: Lifecycle) -> None:
        await check_until_ready(database, lifecycle)
        await act()

    return mock.patch.object(server, "check_until_ready", check_and_act)


async def crash(sleep: Sleep = asyncio.sleep, leave: Callable[[int], object] = os._exit) -> None:
    await sleep(CRASH_SECONDS)
    logger.critical("this image crashes on purpose")
    leave(CRASH_CODE)


async def leak(sleep: Sleep = asyncio.sleep) -> None:
    held = []
    for _ in range(LEAK_AT_MOST // LEAK_BYTES):
        held.append(b"x" * LEAK_BYTES)  # zeroes would take no memory before they are written to
        await sleep(LEAK_PAUSE_SECONDS)
    await asyncio.Event().wait()


def never_ready() -> contextlib.AbstractContextManager[object]:
    async def refuse(_database: Database, lifecycle: Lifecycle) -> None:
        lifecycle.blocker = "this image is never ready on purpose"

    return mock.patch.object(server, "check_until_ready", refuse)
