"""The time of day, for deadlines and pauses that no correction of the machine's clock may move."""

from collections.abc import Callable
from datetime import UTC, datetime

# Seconds gained or lost in each second, until it agrees with the machine again: ten hours for one.
SLEW = 0.1


class SteadyClock:
    """Goes on evenly where the machine's clock jumps, and then nears it slowly, as NTP slews.

    `wall` gives seconds since 1970, `monotonic` those since any moment. A time span that it
    measures is wrong by a tenth at most; it never goes back.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._now = wall()
        self._read_at = monotonic()

    def __call__(self) -> datetime:
        read_at = self._monotonic()
        passed = read_at - self._read_at
        even, most = self._now + passed, SLEW * passed
        self._now = even + min(max(self._wall() - even, -most), most)
        self._read_at = read_at
        return datetime.fromtimestamp(self._now, UTC)
