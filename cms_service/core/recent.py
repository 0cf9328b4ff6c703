"""Bounded memory: what was used longest ago goes first."""

from collections import OrderedDict
from typing import TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def keep(entries: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    """As the newest of at most so many."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > most:
        entries.popitem(last=False)
