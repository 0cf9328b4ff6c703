"""The ring of signing keys, and the steps in which it turns.

1. add_key: every pod learns the new key and still signs with the old one.
2. sign_with_new: every pod signs with the new key.
3. retire_old: when the last token of the old key has run out.
Each step waits until all pods report the ring's generation.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.secrets import secret_data
from cms_operator.resources.secrets.randomness import RandomBytes

FILE = "keys.json"
_KEY_BYTES = 32
_MOST_KEYS = 2


@dataclass(frozen=True, slots=True)
class Ring:
    """Key ids are k1, k2, ... in the order of their making."""

    generation: int
    sign: str
    keys: Mapping[str, bytes] = field(repr=False)

    @property
    def newest(self) -> str:
        return max(self.keys, key=_number)


def initial(random: RandomBytes, user_value: bytes | None) -> Ring:
    return Ring(1, "k1", {"k1": user_value or random(_KEY_BYTES)})


def add_key(ring: Ring, random: RandomBytes, user_value: bytes | None) -> Ring:
    """Raises ValueError while the ring still turns."""
    if len(ring.keys) >= _MOST_KEYS:
        raise ValueError("the ring still turns")
    key = f"k{_number(ring.newest) + 1}"
    keys = {**ring.keys, key: user_value or random(_KEY_BYTES)}
    return Ring(ring.generation + 1, ring.sign, keys)


def sign_with_new(ring: Ring) -> Ring:
    if ring.sign == ring.newest:
        return ring
    return Ring(ring.generation + 1, ring.newest, ring.keys)


def retire_old(ring: Ring) -> Ring:
    """Leaves the key that signs, and no other."""
    if len(ring.keys) == 1:
        return ring
    return Ring(ring.generation + 1, ring.sign, {ring.sign: ring.keys[ring.sign]})


def holds(ring: Ring, user_value: bytes) -> bool:
    return any(hmac.compare_digest(key, user_value) for key in ring.keys.values())


def _number(key: str) -> int:
    return int(key.removeprefix("k"))


def build(resource: HeadlessCMS, ring: Ring) -> Manifest:
    keys = {name: base64.b64encode(key).decode() for name, key in sorted(ring.keys.items())}
    text = json.dumps({"generation": ring.generation, "sign": ring.sign, "keys": keys})
    name = names.jwt_secret(resource.name)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata.child(resource, name, component=labels.Component.CREDENTIALS),
        "type": "Opaque",
        "data": secret_data.encode({FILE: text}),
    }


def read(secret: Object) -> Ring:
    """Raises ValueError for a Secret that holds no ring; its content is not in the message."""
    try:
        found = orjson.loads(secret_data.decode(secret)[FILE])
        keys = {str(name): base64.b64decode(key) for name, key in found["keys"].items()}
        ring = Ring(int(found["generation"]), str(found["sign"]), keys)
        whole = ring.sign in keys and all(_number(name) > 0 for name in keys)
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error):
        whole = False
    if not whole:
        raise ValueError(f"the Secret has no {FILE} with a ring of keys")
    return ring
