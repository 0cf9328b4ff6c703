"""JSON as this service accepts it: every value can be stored by PostgreSQL and read exactly by
any client.
"""

import json
from collections.abc import Sequence
from typing import Any

import orjson

MAX_DEPTH = 32
# An empty object of two bytes takes 64 in memory, while its request waits for something.
MAX_VALUES = 100_000
# Larger JSON numbers are not exact in JavaScript, and orjson turns them into floats.
MAX_NUMBER = 2**53 - 1
# PostgreSQL writes numbers in full: 1e-300 in 302 characters.
MIN_NUMBER = 1e-20


def loads(data: bytes) -> Any:
    """Raises ValueError with a message for the client."""
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: {error.msg} at position {error.pos}") from None
    check(value)
    # orjson takes the last of two members of one name; another reader the first.
    json.loads(data.decode(), object_pairs_hook=_check_names)
    return value


def check(value: object) -> None:
    """Raises ValueError. Walks without recursion: the depth is the client's choice."""
    waiting = [(value, 1)]
    values = 0
    while waiting:
        item, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        values += len(item) if isinstance(item, dict | list) else 0
        if values > MAX_VALUES:
            raise ValueError(f"more than {MAX_VALUES} values")
        if isinstance(item, str):
            _check_text(item)
        elif isinstance(item, dict):
            for key, member in item.items():
                _check_text(key)
                waiting.append((member, depth + 1))
        elif isinstance(item, list):
            waiting.extend((member, depth + 1) for member in item)
        elif isinstance(item, int | float) and not -MAX_NUMBER <= item <= MAX_NUMBER:
            raise ValueError(f"a number is beyond {MAX_NUMBER}")
        elif isinstance(item, float) and item != 0 and abs(item) < MIN_NUMBER:
            raise ValueError(f"a number is not 0 and closer to it than {MIN_NUMBER}")


def _check_names(members: Sequence[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) != len(members):
        raise ValueError("a name is given twice in one object")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("a text holds the NUL character")
