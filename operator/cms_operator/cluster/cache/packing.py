"""One copy in the store: JSON, a quarter of the memory of what Python makes of it or, if it is long
and compressed, a tenth.
"""

import zlib

import orjson

from cms_operator.api.objects import Object

# From so many bytes on it is worth the time to compress them, to a third.
_LONG = 2_000


def packed(found: Object) -> tuple[bytes, int]:
    """The bytes in which an object is kept, and the length of its JSON."""
    text = orjson.dumps(found)
    if len(text) >= _LONG:
        return zlib.compress(text, level=1), len(text)
    # A copy of just its length: what orjson itself returns takes 8 KB at least.
    return bytes(memoryview(text)), len(text)


def text_of(kept: bytes) -> bytes:
    """The JSON."""
    return kept if kept.startswith(b"{") else zlib.decompress(kept)


def unpacked(kept: bytes) -> Object:
    found: Object = orjson.loads(text_of(kept))
    return found
