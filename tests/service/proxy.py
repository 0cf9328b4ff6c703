"""A network that is slow, loses an answer whose question it has delivered, or is gone."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_CHUNK = 65_536
_AT_ONCE = struct.pack("ii", 1, 0)  # what is to be sent still is thrown away, and so is the end


class Proxy:
    """Before a server on the loopback. `delay` is of each answer, in seconds; while it is `losing`,
    a connection is cut when its next answer comes, and counted in `lost`; while it is `silent`,
    nothing comes through, and no end of a connection either; nor does any of what began before it
    was to `forget`. New connections lead to what `server_port` is by then.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        self.delay = 0.0
        self.losing = False
        self.silent = False
        self.lost = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._readers: set[asyncio.StreamReader] = set()
        self._forgotten: set[asyncio.StreamReader] = set()

    def forget(self) -> None:
        """Let what it has passed on so far go nowhere, like a gateway that is replaced."""
        self._forgotten = set(self._readers)

    def reset(self) -> None:
        """Those who are connected are told so at once, by the kernel."""
        for writer in self._writers:
            writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE
            )
            writer.transport.abort()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            theirs, ours = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.close()
            return
        asking = asyncio.ensure_future(self._pass_on(reader, ours))
        self._readers |= {reader, theirs}
        self._writers.add(writer)
        try:
            await self._answer(theirs, writer)
        finally:
            asking.cancel()
            self._readers -= {reader, theirs}
            self._writers.discard(writer)
            # At once, as a network does: one that still has to send would end some day.
            for end in (ours, writer):
                end.transport.abort()
            ended = (end.wait_closed() for end in (ours, writer))
            await asyncio.gather(asking, *ended, return_exceptions=True)

    async def _answer(self, theirs: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await self._heard(theirs):
                if self.losing:
                    self.lost += 1
                    return
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(chunk)
                await writer.drain()

    async def _pass_on(self, reader: asyncio.StreamReader, ours: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await self._heard(reader):
                ours.write(chunk)
                await ours.drain()
            ours.close()

    async def _heard(self, reader: asyncio.StreamReader) -> bytes:
        chunk = await reader.read(_CHUNK)
        if self.silent or reader in self._forgotten:
            await asyncio.get_running_loop().create_future()  # for ever
        return chunk
