"""Identifiers that grow with time (UUID version 7, RFC 9562): new rows stand together in an
index.
"""

import secrets
import time
from uuid import UUID

_RANDOM_BITS = 74
_HEX_DIGITS = 32


def new_id() -> UUID:
    return uuid7(time.time_ns() // 1_000_000, secrets.randbits(_RANDOM_BITS))


def is_uuid(text: str) -> bool:
    if len(text) < _HEX_DIGITS:  # most are slugs, and to fail is dear
        return False
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def uuid7(milliseconds: int, randomness: int) -> UUID:
    high, low = randomness >> 62, randomness & (2**62 - 1)
    return UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 0b10 << 62 | low)
