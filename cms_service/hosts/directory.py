"""Tenants by host name. An answer is used for half a second, as in the directory of tenants.

Anybody can make up host names. So one question is under way at a time, for all names that are
wanted by then, and names of nobody are kept apart: they push no tenant's name out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cms_service.core.caching.lru import keep
from cms_service.core.errors import Unavailable
from cms_service.tenants.directory import FRESH_SECONDS
from cms_service.tenants.questions import Questions

_MAX_HOSTS = 10_000
_MAX_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    tenant_name: str | None
    asked_at: float


@dataclass
class _Batch:
    hosts: set[str]
    task: asyncio.Task[dict[str, str]]


class HostDirectory:
    """`ask` answers with the tenants' names of those hosts that are somebody's."""

    def __init__(
        self, ask: Callable[[list[str]], Awaitable[dict[str, str]]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._nobodys: OrderedDict[str, _Known] = OrderedDict()
        self._collecting: _Batch | None = None
        self._one_at_a_time = asyncio.Lock()
        self._questions = Questions(clock)

    async def tenant_of(self, host: str) -> str | None:
        """None for what is nobody's. With the database away, the tenant that was last known; raises
        Unavailable where there was none, for it may have become somebody's.
        """
        known = self._known.get(host) or self._nobodys.get(host)
        if known is not None and self._clock() - known.asked_at < FRESH_SECONDS:
            return known.tenant_name
        try:
            return await self._ask_about(host)
        except Unavailable:
            if known is None or known.tenant_name is None:
                raise
            return known.tenant_name

    def forget(self, host: str) -> None:
        """After a change by this pod: its next request asks."""
        self._known.pop(host, None)
        self._nobodys.pop(host, None)

    async def _ask_about(self, host: str) -> str | None:
        self._questions.check()
        batch = self._open_batch()
        batch.hosts.add(host)
        return (await asyncio.shield(batch.task)).get(host)

    def _open_batch(self) -> _Batch:
        if self._collecting is None or len(self._collecting.hosts) >= _MAX_BATCH:
            hosts: set[str] = set()
            self._collecting = _Batch(hosts, asyncio.ensure_future(self._ask_for(hosts)))
        return self._collecting

    async def _ask_for(self, hosts: set[str]) -> dict[str, str]:
        async with self._one_at_a_time:
            if self._collecting is not None and self._collecting.hosts is hosts:
                self._collecting = None
            asked_at = self._clock()
            self._questions.check()
            found = await self._questions.in_time(self._ask(sorted(hosts)))
        for host in hosts:
            self._keep(host, _Known(found.get(host), asked_at))
        return found

    def _keep(self, host: str, new: _Known) -> None:
        kept, other = self._known, self._nobodys
        if new.tenant_name is None:
            kept, other = other, kept
        other.pop(host, None)
        keep(kept, host, new, _MAX_HOSTS)
