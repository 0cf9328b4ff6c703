"""What the pods count together, in Redis; while that is away each counts for itself."""

from collections import OrderedDict
from collections.abc import Callable

from cms_service.core.caching.lru import keep
from cms_service.core.caching.shared_answers import KEPT_SECONDS
from cms_service.core.rate_limiting import gcra
from cms_service.core.rate_limiting.gcra import Rule
from cms_service.core.redis.store import RedisAwayError, RedisStore

_MAX_ALONE = 10_000

# A Redis that is full gives up first what expires first. A bucket that somebody has used must not
# be that: whoever fills Redis could guess without limit. So it outlives what caches are made now.
_OUTLIVED_MILLISECONDS = KEPT_SECONDS * 1000

# `gcra` once more, by Redis' clock. A time that is too far ahead comes from another clock: it
# holds nobody up for more than one window.
_TAKE = """
local burst, interval, quantity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window = burst * interval
local tat = math.max(math.min(tonumber(redis.call('GET', KEYS[1]) or now), now + 2 * window), now)
local after = math.max(tat + quantity * interval, now)
local taken = ARGV[4] == 'charge' or after <= now + window
if taken then
  tat = after
  local left = math.ceil((tat - now) / 1000) + 1
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', left + tonumber(ARGV[5]))
end
return {taken and 1 or 0, tat - now}
"""


class Buckets:
    """`clock` gives microseconds, as `gcra` has them."""

    def __init__(self, redis: RedisStore, clock: Callable[[], int]) -> None:
        self._redis = redis
        self._clock = clock
        self._alone: OrderedDict[str, int] = OrderedDict()

    async def charge(self, key: str, rule: Rule, quantity: int) -> int:
        """Counts what was let through already. Returns how long it takes, from now, until the whole
        burst is there again. Raises RedisAwayError.
        """
        _, debt = await self._ask(key, rule, quantity, "charge")
        return debt

    async def take(self, key: str, rule: Rule, alone: Rule) -> int:
        """Takes one request. Returns 0, or how long it has to wait. The rule `alone` holds while
        Redis is away.
        """
        try:
            taken, debt = await self._ask(key, rule, 1, "take")
        except RedisAwayError:
            return self._take_alone(key, alone)
        return 0 if taken else gcra.retry_after(rule, debt, 0)

    def _take_alone(self, key: str, rule: Rule) -> int:
        now = self._clock()
        tat = self._alone.get(key, now)
        after = gcra.take(rule, tat, now)
        if after is None:
            return gcra.retry_after(rule, tat, now)
        self._keep(key, after)
        return 0

    async def give_back(self, key: str, rule: Rule, alone: Rule) -> None:
        try:
            await self.charge(key, rule, -1)
        except RedisAwayError:
            now = self._clock()
            self._keep(key, gcra.charge(alone, self._alone.get(key, now), now, -1))

    async def _ask(self, key: str, rule: Rule, quantity: int, how: str) -> tuple[bool, int]:
        taken, debt = await self._redis.run_script(
            _TAKE, key, rule.burst, rule.interval, quantity, how, _OUTLIVED_MILLISECONDS
        )
        return bool(taken), int(debt)

    def _keep(self, key: str, tat: int) -> None:
        """Bounded: the key that was used longest ago goes."""
        keep(self._alone, key, tat, _MAX_ALONE)
