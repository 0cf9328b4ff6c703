"""Refresh tokens. Redis holds only hashes, and only of the newest token of each log-in (its family)
and of that token's parent: a token is used once, and one that comes a second time ends the family,
as it has been stolen or lost.

A client that lost the answer asks again within the grace, with the parent of a token that nobody
has used yet, and gets that same token once more. It is made of the parent and a random value that
Redis keeps: neither is enough without the other.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from uuid import UUID

from cms_service.core.redis.store import RedisStore

GRACE_SECONDS = 10
_FAMILY_BYTES = 16
_SECRET_BYTES = 32
_NONCE_BYTES = 32

# Times are those of Redis: the pods' clocks may differ.
_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_START = (
    _NOW
    + """
local idle, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'user', ARGV[2], 'generation', ARGV[3],
  'ends', string.format('%d', now + longest))
redis.call('PEXPIRE', KEYS[1], math.min(idle, longest))
"""
)
_PEEK = """
return redis.call('HMGET', KEYS[1], 'user', 'generation')
"""
# A family of an older release has neither an end nor a generation, and such a release changes
# `token` alone: `child` tells whether `parent` is still the newest token's.
_ROTATE = (
    _NOW
    + """
local presented, successor, nonce = ARGV[1], ARGV[2], ARGV[3]
local idle, longest, grace = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local f = redis.call('HMGET', KEYS[1], 'token', 'parent', 'child', 'nonce', 'rotated', 'ends')
local token, parent, child, kept, rotated = f[1], f[2], f[3], f[4], tonumber(f[5] or 0)
local ends = tonumber(f[6] or now + longest)
local left = math.min(idle, ends - now)
if left > 0 and token == presented then
  redis.call('HSET', KEYS[1], 'token', successor, 'parent', presented, 'child', successor,
    'nonce', nonce, 'rotated', string.format('%d', now), 'ends', string.format('%d', ends))
  redis.call('PEXPIRE', KEYS[1], left)
  return {nonce, left}
end
if left > 0 and parent == presented and child == token and now - rotated <= grace then
  return {kept, left}
end
redis.call('DEL', KEYS[1])
return false
"""
)


@dataclass(frozen=True)
class RefreshToken:
    family: bytes
    secret: bytes

    @classmethod
    def new(cls) -> "RefreshToken":
        return cls(secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "RefreshToken":
        """Raises ValueError."""
        try:
            raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("not a refresh token") from None
        if len(raw) != _FAMILY_BYTES + _SECRET_BYTES:
            raise ValueError("not a refresh token")
        return cls(raw[:_FAMILY_BYTES], raw[_FAMILY_BYTES:])

    def encode(self) -> str:
        return base64.urlsafe_b64encode(self.family + self.secret).decode()

    def hash(self) -> str:
        return hashlib.sha256(self.secret).hexdigest()

    def successor(self, nonce: bytes) -> "RefreshToken":
        return RefreshToken(self.family, hmac.digest(self.secret, nonce, "sha256"))


@dataclass(frozen=True)
class Session:
    """`generation`: the user's when it began."""

    user_id: UUID
    generation: int


@dataclass(frozen=True)
class Issued:
    token: RefreshToken
    seconds: int


class Sessions:
    """`idle_seconds`: how long a token waits for its use. `longest_seconds`: from the log-in on,
    however often it is refreshed. Every method raises RedisAwayError.
    """

    def __init__(self, redis: RedisStore, idle_seconds: int, longest_seconds: int) -> None:
        self._redis = redis
        self._limits = (idle_seconds * 1000, longest_seconds * 1000)

    async def start(self, tenant_id: UUID, session: Session) -> Issued:
        token = RefreshToken.new()
        await self._redis.run_script(
            _START,
            _key(tenant_id, token),
            token.hash(),
            str(session.user_id),
            session.generation,
            *self._limits,
        )
        return Issued(token, min(self._limits) // 1000)

    async def peek(self, tenant_id: UUID, token: RefreshToken) -> Session | None:
        """The family's, whether or not the token is its newest."""
        user_id, generation = await self._redis.run_script(_PEEK, _key(tenant_id, token))
        return None if user_id is None else Session(UUID(user_id.decode()), int(generation or 0))

    async def rotate(self, tenant_id: UUID, token: RefreshToken) -> Issued | None:
        """None where the token was spent; then the family is gone."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        found = await self._redis.run_script(
            _ROTATE,
            _key(tenant_id, token),
            token.hash(),
            token.successor(nonce).hash(),
            nonce.hex(),
            *self._limits,
            GRACE_SECONDS * 1000,
        )
        if found is None:
            return None
        kept, left = found
        return Issued(token.successor(bytes.fromhex(kept.decode())), left // 1000)

    async def end(self, tenant_id: UUID, token: RefreshToken) -> None:
        await self._redis.delete(_key(tenant_id, token))


def _key(tenant_id: UUID, token: RefreshToken) -> str:
    return f"hcms:{{{tenant_id}}}:session:{token.family.hex()}"
