"""The keys that sign and verify access tokens, each with its id (`kid`)."""

import base64
import binascii
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import orjson

from cms_service.core.settings.loading import SettingsError
from cms_service.core.settings.serve import ServeSettings

logger = logging.getLogger(__name__)

_MIN_KEY_BYTES = 32  # RFC 7518, 3.2
_MAX_KEYS = 16
_ENVIRONMENT_KEY = "env"


@dataclass(frozen=True)
class KeyRing:
    """New tokens are signed with the key `sign`; tokens of every other key are still good."""

    generation: int
    sign: str
    keys: Mapping[str, bytes] = field(repr=False)


def ring_of_secret(secret: str) -> KeyRing:
    """Raises ValueError."""
    key = secret.encode()
    _check_length(key)
    return KeyRing(generation=0, sign=_ENVIRONMENT_KEY, keys={_ENVIRONMENT_KEY: key})


def parse_key_ring(text: bytes) -> KeyRing:
    """Raises ValueError with a message that repeats no key."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise ValueError("not valid JSON") from None
    if not isinstance(document, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one error for all that is wrong
    generation, sign, encoded = (document.get(name) for name in ("generation", "sign", "keys"))
    if not isinstance(generation, int) or not isinstance(encoded, dict):
        raise ValueError("must hold the number `generation` and the object `keys`")  # noqa: TRY004 - a wrong value, whatever its type
    if not 0 < len(encoded) <= _MAX_KEYS:
        raise ValueError(f"must hold 1 to {_MAX_KEYS} keys")
    keys = {kid: _decode(value) for kid, value in encoded.items()}
    if not isinstance(sign, str) or sign not in keys:
        raise ValueError("`sign` must name one of the keys")
    return KeyRing(generation, sign, keys)


def _decode(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("a key must be a text")  # noqa: TRY004 - a wrong value, whatever its type
    try:
        key = base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("a key is not base64") from None
    _check_length(key)
    return key


def _check_length(key: bytes) -> None:
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError(f"a key must have at least {_MIN_KEY_BYTES} bytes")


class KeyStore:
    """The ring in use; a file that cannot be read any more leaves the last good one in place."""

    def __init__(self, ring: KeyRing) -> None:
        self.ring = ring

    @classmethod
    def from_settings(cls, settings: ServeSettings) -> Self:
        """Raises SettingsError."""
        try:
            if settings.jwt_secret is not None:
                return cls(ring_of_secret(settings.jwt_secret.get_secret_value()))
        except ValueError as error:
            raise SettingsError(f"JWT_SECRET: {error}") from None
        if settings.jwt_keys_file is None:  # excluded by the settings' own check
            raise AssertionError
        try:
            return cls(parse_key_ring(settings.jwt_keys_file.read_bytes()))
        except (OSError, ValueError) as error:
            raise SettingsError(f"JWT_KEYS_FILE: {error}") from None

    async def reload(self, path: Path) -> None:
        try:
            ring = parse_key_ring(path.read_bytes())  # noqa: ASYNC240 - a small file in memory
        except (OSError, ValueError) as error:
            logger.warning("the JWT keys cannot be read, the last ones stay: %s", error)
            return
        if ring != self.ring:
            logger.info("new JWT keys", extra={"generation": ring.generation, "kid": ring.sign})
        self.ring = ring
