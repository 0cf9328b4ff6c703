"""The id under which a request is found in logs and answers."""

import random
import re
from collections.abc import Iterable

_SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def sane_or_new_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    for name, value in headers:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return value.decode()
    return f"{random.getrandbits(128):032x}"
