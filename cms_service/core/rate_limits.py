"""How many requests a client and its tenant may make, on all pods together.

A request is let through by what this process knows, and Redis is told a little later of many at
once: no request waits for Redis, unless this process has let through a hundredth of a burst that
Redis has not heard of. So N processes let through at most N hundredths of a burst too many (at
least N requests), and the next ones wait for that longer. While Redis is away each process keeps to
the rules by itself.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from cms_service.core import gcra
from cms_service.core.buckets import Buckets
from cms_service.core.errors import TooManyRequests
from cms_service.core.gcra import SECOND, Rule
from cms_service.core.http import ANSWER_HEADERS, Scope
from cms_service.core.recent import keep
from cms_service.core.redis_store import RedisAwayError

_MAX_ACCOUNTS = 10_000
_TELL_SECONDS = 0.05
_PARTS_OF_A_BURST = 100


@dataclass(frozen=True, slots=True)
class _Policy:
    """As the draft has it (draft-ietf-httpapi-ratelimit-headers): q requests in w seconds."""

    name: str
    rule: Rule
    header: bytes
    most_untold: int

    @classmethod
    def of(cls, name: str, rule: Rule | None) -> "_Policy | None":
        if rule is None:
            return None
        header = f'"{name}";q={rule.burst};w={_seconds(rule.window)}'.encode()
        return cls(name, rule, header, max(1, rule.burst // _PARTS_OF_A_BURST))

    def state(self, tat: int, now: int) -> bytes:
        """What is left (r), and the seconds until all of it is there again (t)."""
        left, full = gcra.remaining(self.rule, tat, now), _seconds(max(0, tat - now))
        return f'"{self.name}";r={left};t={full}'.encode()


@dataclass(slots=True)
class _Account:
    """`tat` counts all that this process knows of, `untold` what Redis has not heard of yet."""

    key: str
    policy: _Policy
    tat: int = 0
    untold: int = 0
    timer: asyncio.TimerHandle | None = None
    telling: asyncio.Task[None] | None = None

    @property
    def is_behind(self) -> bool:
        return self.untold >= self.policy.most_untold


class RateLimits:
    """Of one API. `clock` gives microseconds; a rule of None is no limit."""

    def __init__(
        self,
        api: str,
        client: Rule | None,
        tenant: Rule | None,
        buckets: Buckets,
        clock: Callable[[], int],
    ) -> None:
        self._api = api
        self._client = _Policy.of("client", client)
        self._tenant = _Policy.of("tenant", tenant)
        self._buckets = buckets
        self._clock = clock
        self._accounts: OrderedDict[tuple[UUID, UUID | None], _Account] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def admit(self, scope: Scope, tenant_id: UUID, client_id: UUID | None) -> None:
        """Counts a request once, whoever asks first. Raises TooManyRequests. `client_id`: None for
        the public, which is its tenant's alone.
        """
        if ANSWER_HEADERS in scope:
            return
        accounts: list[_Account] = []
        if self._client is not None and client_id is not None:
            accounts.append(self._account(self._client, tenant_id, client_id))
        if self._tenant is not None:
            accounts.append(self._account(self._tenant, tenant_id, None))
        if not accounts:
            return
        while behind := [account for account in accounts if account.is_behind]:
            await asyncio.shield(self._tell(behind[0]))
        now = self._clock()
        full = self._take(accounts, now)
        scope[ANSWER_HEADERS] = (
            (b"ratelimit-policy", b", ".join([a.policy.header for a in accounts])),
            (b"ratelimit", b", ".join([a.policy.state(a.tat, now) for a in accounts])),
        )
        if full is not None:
            wait = gcra.retry_after(full.policy.rule, full.tat, now)
            raise TooManyRequests(
                f"Too many requests of this {full.policy.name}: wait a little.", wait / SECOND
            )

    async def close(self) -> None:
        """Tells Redis what it has not heard of."""
        for account in self._accounts.values():
            if account.timer is not None:
                account.timer.cancel()
                self._tell(account)
        await asyncio.gather(*self._tasks)

    def _account(self, policy: _Policy, tenant_id: UUID, client_id: UUID | None) -> _Account:
        """Bounded: the one that was used longest ago goes, once it has told what it knows."""
        account = self._accounts.get((tenant_id, client_id))
        if account is None:
            key = f"hcms:{{{tenant_id}}}:rate:{self._api}:{client_id or policy.name}"
            account = _Account(key, policy)
            keep(self._accounts, (tenant_id, client_id), account, _MAX_ACCOUNTS)
        else:
            self._accounts.move_to_end((tenant_id, client_id))
        return account

    def _take(self, accounts: Sequence[_Account], now: int) -> _Account | None:
        """From all of them, or from none; then one that had nothing left."""
        taken = []
        for account in accounts:
            after = gcra.take(account.policy.rule, account.tat, now)
            if after is None:
                return account
            taken.append(after)
        for account, after in zip(accounts, taken, strict=True):
            account.tat = after
            account.untold += 1
            self._tell_soon(account)
        return None

    def _tell_soon(self, account: _Account) -> None:
        if account.timer is None:
            loop = asyncio.get_running_loop()
            account.timer = loop.call_later(_TELL_SECONDS, self._tell, account)

    def _tell(self, account: _Account) -> asyncio.Task[None]:
        """One at a time for each account."""
        if account.telling is None:
            account.telling = asyncio.ensure_future(self._tell_redis(account))
            self._tasks.add(account.telling)
            account.telling.add_done_callback(self._tasks.discard)
        return account.telling

    async def _tell_redis(self, account: _Account) -> None:
        if account.timer is not None:
            account.timer.cancel()
            account.timer = None
        rule, quantity, asked_at = account.policy.rule, account.untold, self._clock()
        try:
            debt = await self._buckets.charge(account.key, rule, quantity)
        except RedisAwayError:
            debt = 0  # what this process let through is counted here
        finally:
            account.untold -= quantity
            account.telling = None
        account.tat = max(account.tat, asked_at + debt + account.untold * rule.interval)
        if account.untold:
            self._tell_soon(account)


def _seconds(microseconds: int) -> int:
    return -(-microseconds // SECOND)
