"""How fast requests may follow each other: a limit on the client's side."""

from collections.abc import Callable

# The requests of this many seconds may come at once.
BURST_SECONDS = 2.0


class Pace:
    """Limits requests to `per_second` on average (GCRA, ITU-T I.371); 0 is no limit.

    `clock` gives seconds (monotonic).
    """

    def __init__(self, per_second: int, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._next = clock()

    def take(self) -> float:
        """Count one request and return the seconds that it has to wait."""
        now = self._clock()
        self._next = max(self._next, now) + self._interval
        return max(0.0, self._next - now - max(BURST_SECONDS, self._interval))
