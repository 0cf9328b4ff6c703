"""Servers that reset connections, as an API server that ends and the pods of anybody may."""

import asyncio
import gc
import os
import socket
import struct
from contextlib import ExitStack

import aiohttp
import uvloop

from cms_operator.cluster.transport.connector import connector

RESET = struct.pack("ii", 1, 0)  # linger for no time: what is open is reset
ASKED = 300
AT_ONCE = 20


async def reset_all(listening: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        accepted, _ = await loop.run_in_executor(None, listening.accept)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        accepted.close()


async def ask(session: aiohttp.ClientSession, url: str) -> None:
    try:
        async with session.get(url, ssl=False):
            raise AssertionError("it has answered")
    except aiohttp.ClientConnectionError:
        return


def test_a_connection_that_is_reset_takes_no_other_one_along() -> None:
    async def descriptors_lost() -> int:
        with ExitStack() as kept, socket.create_server(("127.0.0.1", 0), backlog=ASKED) as server:
            resetting = asyncio.create_task(reset_all(server))
            url = f"https://127.0.0.1:{server.getsockname()[1]}"
            gc.collect()
            gc.disable()
            kept.callback(gc.enable)
            async with aiohttp.ClientSession(connector=connector(limit=AT_ONCE)) as session:
                for _ in range(ASKED // AT_ONCE):
                    await asyncio.gather(*(ask(session, url) for _ in range(AT_ONCE)))
            others = [os.open(os.devnull, os.O_RDONLY) for _ in range(2 * AT_ONCE)]
            gc.collect()
            lost = [other for other in others if not is_open(other)]
            for other in set(others) - set(lost):
                os.close(other)
            server.shutdown(socket.SHUT_RDWR)
            await asyncio.gather(resetting, return_exceptions=True)
            return len(lost)

    assert uvloop.run(descriptors_lost()) == 0


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
