"""Tenants by host name. An answer is used for half a second, as in the directory of tenants."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cms_service.core.errors import Unavailable
from cms_service.core.recent import keep
from cms_service.core.single_flight import SingleFlight
from cms_service.tenants.directory import ASK_SECONDS, FRESH_SECONDS, PAUSE_SECONDS

_MAX_HOSTS = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    tenant_name: str | None
    asked_at: float


class HostDirectory:
    def __init__(
        self, ask: Callable[[str], Awaitable[str | None]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: SingleFlight[str | None] = SingleFlight()
        self._ask_again_at = float("-inf")

    async def tenant_of(self, host: str) -> str | None:
        """With the database away, what was last known; a host of which nothing is known is
        nobody's.
        """
        known = self._known.get(host)
        asked_at = self._clock()
        if known is not None and asked_at - known.asked_at < FRESH_SECONDS:
            return known.tenant_name
        last_known = None if known is None else known.tenant_name
        if asked_at < self._ask_again_at:
            return last_known
        try:
            async with asyncio.timeout(ASK_SECONDS):
                name = await self._asking.run(host, lambda: self._ask(host))
        except (TimeoutError, Unavailable):
            self._ask_again_at = self._clock() + PAUSE_SECONDS
            return last_known
        keep(self._known, host, _Known(name, asked_at), _MAX_HOSTS)
        return name

    def forget(self, host: str) -> None:
        """After a change by this pod: its next request asks."""
        self._known.pop(host, None)
