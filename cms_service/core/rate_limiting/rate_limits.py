"""How many requests a client and its tenant may make, on all pods together.

A request is let through by what this process knows, and Redis is told a little later of many at
once: no request waits for Redis, unless this process has let through a hundredth of a burst that
Redis has not heard of. So N processes let through at most N hundredths of a burst too many (at
least N requests), and the next ones wait for that longer. While Redis is away each process keeps to
the rules by itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self
from uuid import UUID
from weakref import WeakValueDictionary

from cms_service.core.caching.lru import keep
from cms_service.core.errors import TooManyRequests
from cms_service.core.http.asgi import ANSWER_HEADERS, Scope
from cms_service.core.rate_limiting import gcra
from cms_service.core.rate_limiting.accounts import Account, Policy, figures, take
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.rate_limiting.gcra import SECOND, Rule, per_minute
from cms_service.core.redis.store import RedisAwayError
from cms_service.core.settings.serve import ServeSettings

_MAX_CALLERS = 10_000
_TELL_SECONDS = 0.05


@dataclass(slots=True, eq=False, weakref_slot=True)
class _Shared(Account):
    """Whose requests Redis is told of."""

    timer: asyncio.TimerHandle | None = None
    telling: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class _Caller:
    """The accounts on which a request goes: those of a client and its tenant that have a limit."""

    accounts: tuple[_Shared, ...]
    policy: tuple[bytes, bytes]
    state_format: bytes

    @classmethod
    def of(cls, *accounts: _Shared) -> "_Caller":
        policies = [account.policy for account in accounts]
        return cls(
            accounts,
            (b"ratelimit-policy", b", ".join([policy.header for policy in policies])),
            b", ".join([policy.state_format for policy in policies]),
        )

    @property
    def behind(self) -> _Shared | None:
        for account in self.accounts:
            if account.is_behind:
                return account
        return None

    def state(self, now: int) -> tuple[bytes, bytes]:
        return b"ratelimit", self.state_format % figures(self.accounts, now)


class RateLimits:
    """The limits of one API. `clock` gives microseconds; a rule of None is no limit."""

    def __init__(
        self,
        api: str,
        client: Rule | None,
        tenant: Rule | None,
        buckets: Buckets,
        clock: Callable[[], int],
    ) -> None:
        self._api = api
        self._client = Policy.of("client", client)
        self._tenant = Policy.of("tenant", tenant)
        self._buckets = buckets
        self._clock = clock
        self._callers: OrderedDict[tuple[UUID, UUID | None], _Caller] = OrderedDict()
        # As long as a caller needs it, or Redis has to be told.
        self._tenants: WeakValueDictionary[UUID, _Shared] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, scope: Scope, tenant_id: UUID, client_id: UUID | None) -> None:
        """Counts a request once, whoever asks first. Raises TooManyRequests. `client_id`: None for
        the public, which is its tenant's alone.
        """
        if ANSWER_HEADERS in scope:
            return
        caller = self._caller(tenant_id, client_id)
        if not caller.accounts:
            return
        while (behind := caller.behind) is not None:
            await asyncio.shield(self._tell(behind))
        now = self._clock()
        full = take(caller.accounts, now)
        scope[ANSWER_HEADERS] = (caller.policy, caller.state(now))
        if full is not None:
            wait = gcra.retry_after(full.policy.rule, full.tat, now)
            raise TooManyRequests(
                f"Too many requests of this {full.policy.name}: wait a little.", wait / SECOND
            )
        for account in caller.accounts:
            if account.timer is None:
                self._tell_soon(account)

    async def close(self) -> None:
        """Tells Redis what it has not heard of."""
        for caller in self._callers.values():
            for account in caller.accounts:
                if account.timer is not None:
                    self._tell(account)
        await asyncio.gather(*self._tasks)

    def _caller(self, tenant_id: UUID, client_id: UUID | None) -> _Caller:
        """Bounded: the one that asked longest ago goes, and its account once it has told what it
        knows.
        """
        key = tenant_id, client_id
        caller = self._callers.get(key)
        if caller is None:
            caller = self._new_caller(tenant_id, client_id)
            keep(self._callers, key, caller, _MAX_CALLERS)
        else:
            self._callers.move_to_end(key)
        return caller

    def _new_caller(self, tenant_id: UUID, client_id: UUID | None) -> _Caller:
        found: list[_Shared] = []
        if self._client is not None and client_id is not None:
            found.append(_Shared(self._key(tenant_id, str(client_id)), self._client))
        if self._tenant is not None:
            tenants = _Shared(self._key(tenant_id, self._tenant.name), self._tenant)
            found.append(self._tenants.setdefault(tenant_id, tenants))
        return _Caller.of(*found)

    def _key(self, tenant_id: UUID, who: str) -> str:
        return f"hcms:{{{tenant_id}}}:rate:{self._api}:{who}"

    def _tell_soon(self, account: _Shared) -> None:
        loop = asyncio.get_running_loop()
        account.timer = loop.call_later(_TELL_SECONDS, self._tell, account)

    def _tell(self, account: _Shared) -> asyncio.Task[None]:
        """Tells Redis of an account, once at a time."""
        if account.telling is None:
            account.telling = asyncio.ensure_future(self._tell_redis(account))
            self._tasks.add(account.telling)
            account.telling.add_done_callback(self._tasks.discard)
        return account.telling

    async def _tell_redis(self, account: _Shared) -> None:
        if account.timer is not None:
            account.timer.cancel()
            account.timer = None
        quantity, asked_at = account.untold, self._clock()
        debt = 0  # with Redis away: what this process let through is counted here
        try:
            with suppress(RedisAwayError):
                debt = await self._buckets.charge(account.key, account.policy.rule, quantity)
        finally:
            account.telling = None
            account.hear(quantity, asked_at, debt)
        if account.untold and account.timer is None:
            self._tell_soon(account)


@dataclass(frozen=True)
class ApiLimits:
    """The limits of both APIs."""

    delivery: RateLimits
    management: RateLimits

    @classmethod
    def from_settings(
        cls, settings: ServeSettings, buckets: Buckets, clock: Callable[[], int]
    ) -> Self:
        def limits(api: str, client: int, tenant: int) -> RateLimits:
            return RateLimits(api, per_minute(client), per_minute(tenant), buckets, clock)

        return cls(
            limits(
                "delivery", settings.rate_limit_delivery_client, settings.rate_limit_delivery_tenant
            ),
            limits(
                "management",
                settings.rate_limit_management_client,
                settings.rate_limit_management_tenant,
            ),
        )

    async def close(self) -> None:
        await asyncio.gather(self.delivery.close(), self.management.close())
