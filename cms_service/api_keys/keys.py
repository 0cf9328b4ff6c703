"""The text of an API key: `hcms_<id>_<secret>`. What begins so in a log or a repository is a key.
Only a hash of the secret is kept: of 256 random bits no slow hash is needed.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from cms_service.auth.permissions import Subject

PREFIX = "hcms_"
_SECRET_BYTES = 32
_TEXT = re.compile(rf"{PREFIX}([0-9a-f]{{32}})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True)
class KeyText:
    id: UUID
    secret: str = field(repr=False)

    @classmethod
    def new(cls, key_id: UUID) -> "KeyText":
        return cls(key_id, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> "KeyText":
        """Raises ValueError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise ValueError("not an API key")
        return cls(UUID(hex=found[1]), found[2])

    def encode(self) -> str:
        return f"{PREFIX}{self.id.hex}_{self.secret}"

    def hash(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()


@dataclass(frozen=True)
class KnownKey:
    """A key as it is kept. `expires_at` is in seconds since 1970."""

    subject: Subject
    secret_hash: bytes = field(repr=False)
    expires_at: float | None

    def fits(self, shown: KeyText, now: float) -> bool:
        return hmac.compare_digest(self.secret_hash, shown.hash()) and self.in_time(now)

    def in_time(self, now: float) -> bool:
        return self.expires_at is None or now < self.expires_at
