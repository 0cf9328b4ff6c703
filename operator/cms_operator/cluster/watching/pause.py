"""How soon what has broken off is tried again."""

import asyncio
import math

# Between the beginnings of two tries; it doubles with each one that soon breaks off.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 16.0
# After a refusal the pause grows further, slowly: a right or a namespace may be missing for long.
LONGEST_REFUSED_SECONDS = 120.0


def rarer(seconds: float) -> float:
    """The pause after one of `seconds` that has ended in another refusal."""
    return min(1.25 * seconds, LONGEST_REFUSED_SECONDS)


class Pause:
    """The pause before one watch begins again: none after a watch that lasted."""

    def __init__(self) -> None:
        self._seconds = PAUSE_SECONDS
        self._begun = -math.inf
        self._refusal = ""

    async def begin(self) -> None:
        """Wait until the next try may begin."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._begun + self._seconds - clock()))
        self._begun = clock()

    def went_well(self) -> None:
        self._seconds = PAUSE_SECONDS
        self._refusal = ""

    def broke_off(self, patience: float = 0.0) -> None:
        """Note a failure and lengthen the pause; `patience`: seconds that the server asks for."""
        self._seconds = max(min(2 * self._seconds, LONGEST_PAUSE_SECONDS), patience)
        self._refusal = ""

    def refused(self, why: str) -> bool:
        """Note a refusal (no rights, or no such kind) and lengthen the pause.

        Returns False if the reason is the same as last time.
        """
        soon = min(2 * self._seconds, LONGEST_PAUSE_SECONDS)
        self._seconds = max(soon, rarer(self._seconds))
        is_news, self._refusal = why != self._refusal, why
        return is_news
