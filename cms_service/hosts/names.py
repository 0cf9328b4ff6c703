"""Host names in the one form in which they are kept and compared. Pure."""

import re
from functools import lru_cache

import idna

from cms_service.core.validation.host_name import HOST_NAME

MAX_LENGTH = 253
_ASCII_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ASCII_PATTERN = rf"^({_ASCII_LABEL}\.)+{_ASCII_LABEL}\.?$"
_PORT = re.compile(r":[0-9]{1,5}")


def normalised(text: str) -> str:
    """Lower case, in ASCII (punycode), without the dot at the end. Raises ValueError."""
    try:
        host = idna.encode(text.removesuffix("."), uts46=True, std3_rules=True).decode()
    except UnicodeError:  # of which idna's own error is a kind
        raise ValueError("must be a host name") from None
    if not _is_name(host):
        raise ValueError("must be a host name with a dot in it")
    return host


@lru_cache(maxsize=1000)
def of_header(value: bytes) -> str | None:
    """None for what can belong to no tenant: an address, or a name without a dot."""
    text = value.decode("latin-1").lower()
    host, colon, port = text.partition(":")
    host = host.removesuffix(".")
    if (colon and not _PORT.fullmatch(colon + port)) or not _is_name(host):
        return None
    return host


def _is_name(host: str) -> bool:
    """The last label of a name is not a number: that would be an address."""
    if len(host) > MAX_LENGTH or HOST_NAME.fullmatch(host) is None:
        return False
    return not host.rpartition(".")[2].isdigit()
