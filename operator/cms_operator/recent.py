"""A bounded cache of what was used last; the rest is worked out anew when it is asked for."""

import math
from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Forgets what was asked for the longest time ago where there would be more than `most`, or
    where all together would weigh more than `heaviest`.
    """

    def __init__(self, most: int, heaviest: float = math.inf) -> None:
        self._most = most
        self._heaviest = heaviest
        self._weight = 0
        self._known: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._known.get(key)
        if found is None:
            return None
        self._known.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int = 0) -> None:
        self.forget(key)
        self._known[key] = value, weight
        self._weight += weight
        while len(self._known) > self._most or self._weight > self._heaviest:
            _, (_, oldest) = self._known.popitem(last=False)
            self._weight -= oldest

    def forget(self, key: K) -> None:
        _, weight = self._known.pop(key, (None, 0))
        self._weight -= weight
