"""Access tokens: short-lived JWTs with everything pinned that can be (RFC 8725, RFC 9068)."""

import math
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import jwt

from cms_service.auth.keys import KeyRing, KeyStore
from cms_service.auth.permissions import Role, legacy_role
from cms_service.core.errors import Forbidden, Unauthorized

_ALGORITHM = "HS256"
_ISSUER = "headlesscms"
_AUDIENCE = "headlesscms-api"
_TYPE = "at+jwt"
_CLAIMS = ["iss", "aud", "exp", "iat", "jti", "sub", "tenant", "tenant_id", "role"]
_MAX_TOKEN_LENGTH = 4096
# Pods' clocks may differ by so much: tokens of one that is ahead are good on the others.
LEEWAY_SECONDS = 10
_MAX_REMEMBERED = 5_000


@dataclass(frozen=True)
class Identity:
    """Who asks, and in which tenant. What they may do is looked up: it may change at any time."""

    user_id: UUID
    tenant_id: UUID
    tenant_name: str

    def check_tenant(self, tenant_name: str) -> None:
        """Raises Forbidden."""
        if self.tenant_name != tenant_name:
            raise Forbidden("The token is for another tenant.")


class AccessTokens:
    def __init__(self, keys: KeyStore, lifetime_seconds: int, clock: Callable[[], float]) -> None:
        self._keys = keys
        self._clock = clock
        self.lifetime_seconds = lifetime_seconds
        self._verified: dict[str, _Verified] = {}

    def issue(self, identity: Identity, role: str) -> str:
        """`role` is for older releases, which read it from the token."""
        now = int(self._clock())
        ring = self._keys.ring
        claims = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + self.lifetime_seconds,
            "jti": secrets.token_hex(8),
            "sub": str(identity.user_id),
            "tenant": identity.tenant_name,
            "tenant_id": str(identity.tenant_id),
            "role": str(legacy_role(role)),
        }
        headers = {"kid": ring.sign, "typ": _TYPE}
        return jwt.encode(claims, ring.keys[ring.sign], algorithm=_ALGORITHM, headers=headers)

    def verify(self, token: str) -> Identity:
        """Raises Unauthorized. A good token is not computed anew for each of its requests."""
        ring = self._keys.ring
        known = self._verified.get(token)
        if known is not None and known.ring is ring and self._clock() < known.expires_at:
            return known.identity
        found = self._verify(token, ring)
        if len(self._verified) >= _MAX_REMEMBERED:
            self._verified.clear()
        self._verified[token] = found
        return found.identity

    def _verify(self, token: str, ring: KeyRing) -> "_Verified":
        if len(token) > _MAX_TOKEN_LENGTH:
            raise Unauthorized("The token is not valid.")
        try:
            claims = _claims(token, ring)
            expires_at = _check_times(claims, self._clock())
            identity = Identity(
                user_id=UUID(claims["sub"]),
                tenant_id=UUID(claims["tenant_id"]),
                tenant_name=claims["tenant"],
            )
            Role(claims["role"])
            return _Verified(identity, expires_at, ring)
        except jwt.ExpiredSignatureError:
            raise Unauthorized("The token has expired.") from None
        except (jwt.InvalidTokenError, ValueError, AttributeError, OverflowError):
            raise Unauthorized("The token is not valid.") from None


@dataclass(frozen=True, slots=True)
class _Verified:
    """Good until it expires, and as long as the keys are the same."""

    identity: Identity
    expires_at: float
    ring: KeyRing


def _claims(token: str, ring: KeyRing) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    key = ring.keys.get(header.get("kid", ""))
    if key is None or header.get("typ") != _TYPE:
        raise jwt.InvalidTokenError
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[_ALGORITHM],
        audience=_AUDIENCE,
        issuer=_ISSUER,
        options={
            "require": _CLAIMS,
            "verify_exp": False,
            "verify_iat": False,
            "verify_nbf": False,
        },
    )
    if not isinstance(claims["tenant"], str):
        raise jwt.InvalidTokenError
    return claims


def _check_times(claims: dict[str, Any], now: float) -> float:
    """When the token ends. Here and not in the library, which has a clock of its own."""
    times = [claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])]
    if any(type(value) not in {int, float} or not math.isfinite(value) for value in times):
        raise jwt.InvalidTokenError
    expires_at = float(times[0]) + LEEWAY_SECONDS
    if now >= expires_at:
        raise jwt.ExpiredSignatureError
    if max(times[1:]) > now + LEEWAY_SECONDS:
        raise jwt.ImmatureSignatureError
    return expires_at


def bearer_token(header: str | None) -> str:
    """Raises Unauthorized."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("This needs the header Authorization: Bearer <access token>.")
    return token.strip()
