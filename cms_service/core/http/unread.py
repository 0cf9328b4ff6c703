"""The end of connections whose client takes nothing of what waits for it. A transport waits for
that without end, even to close.
"""

import fcntl
import logging
import sys
import termios
from asyncio import AbstractEventLoop, TimerHandle, Transport

logger = logging.getLogger(__name__)


class Room:
    """Holds what waits to be taken, in whichever connections, up to so many bytes: where there is
    more, those are given up that have the most.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: dict[UnreadWatch, int] = {}  # bytes, when it was last looked
        self._total = 0

    def hold(self, watch: "UnreadWatch") -> None:
        self._note(watch)
        if self._total > self._most:
            self._make_room()

    def leave(self, watch: "UnreadWatch") -> None:
        self._total -= self._waiting.pop(watch, 0)

    def _note(self, watch: "UnreadWatch") -> None:
        self.leave(watch)
        self._waiting[watch] = size = watch.waiting
        self._total += size

    def _make_room(self) -> None:
        for watch in list(self._waiting):
            self._note(watch)
        for watch in sorted(self._waiting, key=self._waiting.__getitem__, reverse=True):
            if self._total <= self._most:
                return
            logger.warning("answers of %d bytes wait to be taken: one is given up", self._total)
            watch.give_up()


class UnreadWatch:
    """Who takes little is waited for; who takes nothing for `seconds` is given up, and who has too
    much of the room. To be begun whenever more may wait, as it is then.
    """

    def __init__(
        self, transport: Transport, loop: AbstractEventLoop, seconds: float, room: Room
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._seconds = seconds
        self._room = room
        self._untaken = 0
        self._timer: TimerHandle | None = None

    def begin(self) -> None:
        self.end()
        if self.waiting:
            self._look_later(_untaken(self._transport))
            self._room.hold(self)

    @property
    def waiting(self) -> int:
        """Bytes of this process's memory."""
        return self._transport.get_write_buffer_size()

    def give_up(self) -> None:
        """Not at once: the transport may be in the middle of a write."""
        self.end()
        self._loop.call_soon(self._transport.abort)

    def end(self) -> None:
        self._room.leave(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_later(self, untaken: int) -> None:
        self._untaken = untaken
        self._timer = self._loop.call_later(self._seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self.waiting:
            self._room.leave(self)
            return
        untaken = _untaken(self._transport)
        if untaken < self._untaken:
            self._look_later(untaken)
        else:
            self.give_up()


def _untaken(transport: Transport) -> int:
    """Bytes that the client has not taken, those in the kernel's buffer too: it may hold megabytes,
    and takes more from the transport only when a third of that is gone.
    """
    socket = transport.get_extra_info("socket")
    in_kernel = int.from_bytes(fcntl.ioctl(socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return transport.get_write_buffer_size() + in_kernel
