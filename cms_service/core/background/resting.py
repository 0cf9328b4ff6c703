"""What could not be done just now is left alone for a while: the longer, the more often it was
tried, so that it keeps what comes after it from nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

# An editor who saves, or another pod, is done with it by the next look.
_FIRST_SECONDS = 4.0
_LONGEST_SECONDS = 128.0
_MOST = 1000


@dataclass(frozen=True)
class _Rest:
    until: float
    seconds: float


class Resting:
    """Entries, by their ids; `clock` in seconds. Of more than it can keep it forgets the oldest,
    which are only tried sooner.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rests: dict[UUID, _Rest] = {}

    def add(self, entry_id: UUID) -> None:
        before = self._rests.pop(entry_id, None)
        seconds = min(before.seconds * 2, _LONGEST_SECONDS) if before else _FIRST_SECONDS
        if len(self._rests) >= _MOST:
            del self._rests[next(iter(self._rests))]
        self._rests[entry_id] = _Rest(self._clock() + seconds, seconds)

    def now(self) -> list[UUID]:
        """Those that rest. How long one has rested is known for as long again."""
        now = self._clock()
        self._rests = {
            entry_id: rest
            for entry_id, rest in self._rests.items()
            if now < rest.until + rest.seconds
        }
        return [entry_id for entry_id, rest in self._rests.items() if now < rest.until]
