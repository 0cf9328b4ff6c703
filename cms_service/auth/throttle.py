"""Guessing passwords is made slow; nobody is locked out by it.

Failed log-ins are counted by e-mail address and by client address, each in its tenant. One client
alone uses up an e-mail's rate at most by half, so that its owner gets in with a short delay. Where
the owner has logged in before, what others do elsewhere counts for nothing. Names of tenants can be
made up, and each try costs a hash: so a client is counted once more in all tenants together.

Refresh tokens cannot be guessed. Those that are nobody's are counted by client address, so that
trying costs the service little; one that is somebody's is never counted, nor refused for others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from cms_service.core.errors import TooManyRequests
from cms_service.core.rate_limiting.buckets import Buckets
from cms_service.core.rate_limiting.gcra import SECOND, Rule
from cms_service.core.redis.store import RedisAwayError, RedisStore
from cms_service.core.validation.email import folded

BY_EMAIL = Rule(burst=20, interval=5 * SECOND)
BY_CLIENT = Rule(burst=30, interval=10 * SECOND)
# Those that exist or not, so that a refusal tells nothing of which do.
IN_ALL_TENANTS = Rule(burst=300, interval=SECOND)
# Room for all people of a network, whose sessions may have ended at once.
NOBODYS_TOKENS = Rule(burst=300, interval=SECOND)
# While Redis is away nobody can be logged in, but a password could be guessed.
ALONE = Rule(burst=5, interval=20 * SECOND)
_KNOWN_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class _Bucket:
    """`alone`: the rule while Redis is away."""

    key: str
    rule: Rule
    alone: Rule


@dataclass(frozen=True)
class Attempt:
    """`counted`: its buckets. `pair`: where a success is noted."""

    counted: tuple[_Bucket, ...]
    pair: str


class LoginThrottle:
    def __init__(self, buckets: Buckets, redis: RedisStore) -> None:
        self._buckets = buckets
        self._redis = redis

    async def enter(self, tenant_id: UUID, email: str, client: str) -> Attempt:
        """Counts as failed until `succeeded`. Raises TooManyRequests."""
        email = folded(email)
        pair = _key(tenant_id, "known", f"{client} {email}")
        if await self._is_known(pair):
            wanted = [_Bucket(_key(tenant_id, "pair", f"{client} {email}"), BY_EMAIL, ALONE)]
        else:
            everywhere = f"hcms:login:client:{_digest(client)}"
            wanted = [
                _Bucket(everywhere, IN_ALL_TENANTS, IN_ALL_TENANTS),
                _Bucket(_key(tenant_id, "client", client), BY_CLIENT, ALONE),
                _Bucket(_key(tenant_id, "email", email), BY_EMAIL, ALONE),
            ]
        counted: list[_Bucket] = []
        for bucket in wanted:
            if wait := await self._buckets.take(bucket.key, bucket.rule, bucket.alone):
                await self._give_back(counted)
                raise TooManyRequests("Too many failed log-ins: wait a little.", wait / SECOND)
            counted.append(bucket)
        return Attempt(tuple(counted), pair)

    async def succeeded(self, attempt: Attempt) -> None:
        await self._give_back(attempt.counted)
        try:
            await self._redis.set(attempt.pair, b"1", _KNOWN_SECONDS)
        except RedisAwayError:
            return

    async def note_nobodys_token(self, tenant_id: UUID, client: str) -> None:
        """Raises TooManyRequests."""
        key = _key(tenant_id, "token", client)
        if wait := await self._buckets.take(key, NOBODYS_TOKENS, NOBODYS_TOKENS):
            raise TooManyRequests(
                "Too many refresh tokens that are not valid: wait a little.", wait / SECOND
            )

    async def _give_back(self, counted: Sequence[_Bucket]) -> None:
        for bucket in counted:
            await self._buckets.give_back(bucket.key, bucket.rule, bucket.alone)

    async def _is_known(self, pair: str) -> bool:
        try:
            return await self._redis.get(pair) is not None
        except RedisAwayError:
            return False


def _key(tenant_id: UUID, kind: str, who: str) -> str:
    return f"hcms:{{{tenant_id}}}:login:{kind}:{_digest(who)}"


def _digest(who: str) -> str:
    """Redis learns neither e-mail nor address."""
    return blake2b(who.encode(), digest_size=16).hexdigest()
