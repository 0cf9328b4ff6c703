"""What is written to a socket in one turn of the event loop, in one system call: an answer's head
and body come one after the other, and each call costs as much as much of the rest.

It is sent when all requests of the turn are answered: each client that is woken between two of them
takes time from the next.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

Data: TypeAlias = "bytes | bytearray | memoryview[Any]"


class GatheredTransport(asyncio.Transport):
    """`on_close` is called after each close."""

    def __init__(
        self,
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        on_close: Callable[[], None],
    ) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._on_close = on_close
        self._held: list[Data] = []

    def write(self, data: Data) -> None:
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self.flush)
        self._held.append(data)

    def writelines(self, list_of_data: Iterable[Data]) -> None:
        for data in list_of_data:
            self.write(data)

    def flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            if not self._transport.is_closing():  # or by now its client is gone
                self._transport.writelines(held)

    def close(self) -> None:
        self.flush()
        self._transport.close()
        self._on_close()

    def abort(self) -> None:
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)

    def is_reading(self) -> bool:
        return self._transport.is_reading()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()
