"""The end of connections whose client takes nothing of what waits for it. A transport waits for
that without end, even to close.
"""

import fcntl
import sys
import termios
from asyncio import AbstractEventLoop, TimerHandle, Transport


class UnreadWatch:
    """Who takes little is waited for; who takes nothing for `seconds` is given up. To be begun
    whenever more may wait, as it is then.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop, seconds: float) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._untaken = 0
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        self.end()
        if self._transport.get_write_buffer_size():
            self._look_later(_untaken(self._transport))

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self, untaken: int) -> None:
        self._untaken = untaken
        self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._transport.get_write_buffer_size():
            return
        untaken = _untaken(self._transport)
        if untaken < self._untaken:
            self._look_later(untaken)
        else:
            self._transport.abort()


def _untaken(transport: Transport) -> int:
    """Bytes that the client has not taken, those in the kernel's buffer too: it may hold megabytes,
    and takes more from the transport only when a third of that is gone.
    """
    socket = transport.get_extra_info("socket")
    in_kernel = int.from_bytes(fcntl.ioctl(socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel
