"""What delivery tells caches and browsers, by the deployment's settings. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from cms_service.core.caching.body_cache import Body
from cms_service.core.endpoints.generation import GENERATION_HEADER
from cms_service.core.settings.serve import SurrogateHeader
from cms_service.tenants.schemas import DeliveryAccess

Header = tuple[bytes, bytes]

METHODS = "GET, HEAD, OPTIONS"
_EXPOSED = b"ETag, Cache-Status, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
_REQUEST_HEADERS = f"Authorization, X-API-Key, If-None-Match, {GENERATION_HEADER}".encode()
_PREFLIGHT_SECONDS = b"86400"


@dataclass(frozen=True)
class CachePolicy:
    """Seconds for which caches may answer by themselves, while they ask anew, and while there is
    no answer.
    """

    max_age: int
    stale_while_revalidate: int
    stale_if_error: int

    def value(self, access: DeliveryAccess) -> bytes:
        scope = access.value
        if not (self.max_age or self.stale_while_revalidate or self.stale_if_error):
            return f"{scope}, no-cache".encode()
        parts = [scope, f"max-age={self.max_age}"]
        if self.stale_while_revalidate:
            parts.append(f"stale-while-revalidate={self.stale_while_revalidate}")
        if self.stale_if_error:
            parts.append(f"stale-if-error={self.stale_if_error}")
        return ", ".join(parts).encode()


@dataclass(frozen=True)
class Cors:
    """`origins`: which other sites' pages may read; `*` for all, none without any."""

    origins: frozenset[str]

    @property
    def is_for_all(self) -> bool:
        return "*" in self.origins

    def answer(self, origin: bytes | None) -> tuple[Header, ...]:
        if self.is_for_all:
            allowed = b"*"
        elif origin is not None and origin.decode("latin-1") in self.origins:
            allowed = origin
        else:
            return ()
        return (
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", _EXPOSED),
        )

    def preflight(self, origin: bytes | None) -> tuple[Header, ...]:
        """Also right for whoever only asks what there is."""
        own = ((b"allow", METHODS.encode()),)
        answer = self.answer(origin)
        if not answer:
            return own
        return (
            *own,
            *answer[:1],
            (b"access-control-allow-methods", METHODS.encode()),
            (b"access-control-allow-headers", _REQUEST_HEADERS),
            (b"access-control-max-age", _PREFLIGHT_SECONDS),
        )


class AnswerHeaders:
    def __init__(self, policy: CachePolicy, surrogate: SurrogateHeader, cors: Cors) -> None:
        self.cors = cors
        self._surrogate = surrogate
        self._fixed = {access: self._of(access, policy) for access in DeliveryAccess}

    def _of(self, access: DeliveryAccess, policy: CachePolicy) -> tuple[Header, ...]:
        # A writer's request must not be answered by what a cache kept for others.
        vary = [GENERATION_HEADER]
        if access is DeliveryAccess.PRIVATE:
            vary += ["Authorization", "X-API-Key"]
        if self.cors.origins and not self.cors.is_for_all:
            vary.append("Origin")
        return (
            (b"cache-control", policy.value(access)),
            (b"vary", ", ".join(vary).encode()),
        )

    def of(self, body: Body, access: DeliveryAccess, origin: bytes | None) -> list[Header]:
        headers: list[Header] = [(b"etag", body.etag), *self._fixed[access]]
        shows_tags = access is DeliveryAccess.PUBLIC and self._surrogate is not SurrogateHeader.NONE
        if shows_tags and body.tags:
            headers.append(self._tags(body.tags))
        if self.cors.origins:
            headers += self.cors.answer(origin)
        return headers

    def _tags(self, tags: Sequence[bytes]) -> Header:
        separator = b" " if self._surrogate is SurrogateHeader.SURROGATE_KEY else b","
        return self._surrogate.value.encode(), separator.join(tags)
