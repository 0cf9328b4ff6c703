"""Randomness comes in as an argument: `secrets.token_bytes`, or in a test what is wanted."""

import base64
from collections.abc import Callable

RandomBytes = Callable[[int], bytes]

_PASSWORD_BYTES = 24


def password(random: RandomBytes) -> str:
    """32 letters, digits, dashes and underscores."""
    return base64.urlsafe_b64encode(random(_PASSWORD_BYTES)).decode()
