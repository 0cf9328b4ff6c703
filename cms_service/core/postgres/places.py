"""Who may use one of so many places, and in which order those come that have to wait.

While tenants share the places, one that holds as many as are free takes no more: alone it comes to
half of them, two come to a third each, and to whoever comes next something is left. A tenant that
has been alone for a while may have all. The service's own work (no tenant) comes first, and finds
some places that no tenant takes.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

# Tenants share for so long after the turn has passed from one to another.
_SHARED_SECONDS = 60.0
_MAX_KEPT = 2
_KEPT_OF = 8  # one place of so many is kept for the service's own work

Tenant = int | None


class NoPlaceError(Exception):
    """Too many wait already, or it was waited for long enough."""


class Places:
    """`waiting`: how many of one tenant may wait, where it waits alone. Of all together twice as
    many may, and a tenant only while fewer of it wait than there is room left.
    """

    def __init__(self, size: int, waiting: int, clock: Callable[[], float]) -> None:
        self._free = size
        self._kept = min(_MAX_KEPT, size // _KEPT_OF)
        self._may_wait = 2 * waiting
        self._clock = clock
        self._held: dict[int, int] = {}
        self._own: deque[asyncio.Future[None]] = deque()
        self._queues: dict[int, deque[asyncio.Future[None]]] = {}  # in the order of their turns
        self._latest: Tenant = None
        self._shared_until = float("-inf")
        self.waiting = 0

    def take(self, tenant: Tenant) -> bool:
        """A place, if there is one at once."""
        if tenant is None:
            if self._free:
                self._free -= 1
                return True
            return False
        if tenant != self._latest:
            if self._latest is not None:
                self._shared_until = self._clock() + _SHARED_SECONDS
            self._latest = tenant
        if (self._queues and tenant in self._queues) or not self._may_take(tenant):
            return False
        self._give(tenant)
        return True

    async def wait(self, tenant: Tenant, seconds: float | None) -> None:
        """Waits for a place. Raises NoPlaceError."""
        if tenant is None:
            queue = self._own
        else:
            queue = self._queues.get(tenant, deque())
            if len(queue) >= self._may_wait - self.waiting:
                raise NoPlaceError
            self._queues[tenant] = queue
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self.waiting += 1
        self._hand_out()
        try:
            async with asyncio.timeout(seconds):
                await turn
        except TimeoutError:
            self._leave(tenant, turn)
            raise NoPlaceError from None
        except asyncio.CancelledError:
            self._leave(tenant, turn)
            raise
        finally:
            self.waiting -= 1

    def release(self, tenant: Tenant) -> None:
        self._free += 1
        if tenant is not None:
            held = self._held[tenant] - 1
            if held:
                self._held[tenant] = held
            else:
                del self._held[tenant]
        if self.waiting:
            self._hand_out()

    def _may_take(self, tenant: int) -> bool:
        left = self._free - self._kept
        if left <= 0:
            return False
        return self._held.get(tenant, 0) < left or self._clock() >= self._shared_until

    def _give(self, tenant: int) -> None:
        self._free -= 1
        self._held[tenant] = self._held.get(tenant, 0) + 1

    def _hand_out(self) -> None:
        while self._own and self._free:
            if _wanted(turn := self._own.popleft()):
                self._free -= 1
                turn.set_result(None)
        while (tenant := next(filter(self._may_take, self._queues), None)) is not None:
            queue = self._queues.pop(tenant)  # it comes last next time
            turn = queue.popleft()
            if queue:
                self._queues[tenant] = queue
            if _wanted(turn):
                self._give(tenant)
                turn.set_result(None)

    def _leave(self, tenant: Tenant, turn: "asyncio.Future[None]") -> None:
        if not turn.cancelled():  # its place came too late
            self.release(tenant)
            return
        queue = self._own if tenant is None else self._queues.get(tenant, deque())
        with contextlib.suppress(ValueError):  # its turn came meanwhile
            queue.remove(turn)
        if tenant is not None and not queue:
            self._queues.pop(tenant, None)


def _wanted(turn: "asyncio.Future[None]") -> bool:
    return not turn.done()
