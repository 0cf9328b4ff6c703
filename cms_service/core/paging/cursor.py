"""The place in a newest-first list, as an opaque text."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

_TIME_BYTES = 8
_LENGTH = _TIME_BYTES + 16
# Base64 of moments from 1970 to 3111, and an identifier.
CURSOR_PATTERN = r"^A[A-H][A-Za-z0-9_-]{30}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Cursor:
    """The last row that was seen; `at` has microseconds, as PostgreSQL has."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        delta = self.at - _EPOCH
        microseconds = (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
        raw = microseconds.to_bytes(_TIME_BYTES, "big", signed=True) + self.id.bytes
        return base64.urlsafe_b64encode(raw).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Raises ValueError."""
        try:
            raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raise ValueError("not valid") from None
        if len(raw) != _LENGTH:
            raise ValueError("not valid")
        microseconds = int.from_bytes(raw[:_TIME_BYTES], "big", signed=True)
        return cls(_time(microseconds), UUID(bytes=raw[_TIME_BYTES:]))


def _time(microseconds: int) -> datetime:
    seconds, rest = divmod(microseconds, 1_000_000)
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest)
    except (OverflowError, OSError, ValueError):
        raise ValueError("not valid") from None
