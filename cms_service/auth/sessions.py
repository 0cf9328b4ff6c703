"""Refresh tokens. Redis holds only a hash, and only of the newest token of each log-in (its
family): a token is used once, and one that comes a second time ends the family, as it has been
stolen or lost.
"""

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

from cms_service.core.redis_store import RedisStore

_FAMILY_BYTES = 16
_SECRET_BYTES = 32

_START = """
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'user', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
"""
_PEEK = """
return redis.call('HGET', KEYS[1], 'user')
"""
# A client that got no answer in time may send the same script once more: it is done already.
_ROTATE = """
local newest = redis.call('HGET', KEYS[1], 'token')
if newest == ARGV[2] then
  return 1
end
if newest ~= ARGV[1] then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('HSET', KEYS[1], 'token', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""


@dataclass(frozen=True)
class RefreshToken:
    family: bytes
    secret: bytes

    @classmethod
    def new(cls, family: bytes | None = None) -> "RefreshToken":
        return cls(family or secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))

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


class Sessions:
    """Every method raises RedisAwayError."""

    def __init__(self, redis: RedisStore, lifetime_seconds: int) -> None:
        self._redis = redis
        self.lifetime_seconds = lifetime_seconds

    async def start(self, tenant_id: UUID, user_id: UUID) -> RefreshToken:
        token = RefreshToken.new()
        key = _key(tenant_id, token)
        await self._redis.run_script(_START, key, token.hash(), str(user_id), self.lifetime_seconds)
        return token

    async def user_of(self, tenant_id: UUID, token: RefreshToken) -> UUID | None:
        """The family's user, whether or not the token is its newest."""
        user_id: bytes | None = await self._redis.run_script(_PEEK, _key(tenant_id, token))
        return None if user_id is None else UUID(user_id.decode())

    async def rotate(self, tenant_id: UUID, token: RefreshToken) -> RefreshToken | None:
        """None where the token was not the newest; then the family is gone."""
        successor = RefreshToken.new(token.family)
        done = await self._redis.run_script(
            _ROTATE, _key(tenant_id, token), token.hash(), successor.hash(), self.lifetime_seconds
        )
        return successor if done else None

    async def end(self, tenant_id: UUID, token: RefreshToken) -> None:
        await self._redis.delete(_key(tenant_id, token))


def _key(tenant_id: UUID, token: RefreshToken) -> str:
    return f"hcms:{{{tenant_id}}}:session:{token.family.hex()}"
