"""Bounded memory: what was used longest ago goes first."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


def keep(entries: OrderedDict[Key, Value], key: Key, value: Value, most: int) -> None:
    """Keeps the value as the newest of at most so many."""
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > most:
        entries.popitem(last=False)


class Weighed(Generic[Key, Value]):
    """Values of different size, which together weigh `most` at most. One that alone weighs more
    is not kept, and drives no others out.
    """

    def __init__(self, most: int, weight: Callable[[Value], int]) -> None:
        self._most = most
        self._weight = weight
        self._values: OrderedDict[Key, Value] = OrderedDict()
        self.total = 0

    def peek(self, key: Key) -> Value | None:
        """That is no use of it."""
        return self._values.get(key)

    def get(self, key: Key) -> Value | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        if (old := self._values.pop(key, None)) is not None:
            self.total -= self._weight(old)
        weight = self._weight(value)
        if weight > self._most:
            return
        self._values[key] = value
        self.total += weight
        while self.total > self._most:
            _, oldest = self._values.popitem(last=False)
            self.total -= self._weight(oldest)
