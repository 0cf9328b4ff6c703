"""How soon what has broken off is tried again."""

import asyncio
import math

# Between the beginnings of two tries; it doubles with each one that soon breaks off.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 16.0
# Of what is refused it grows on, slowly: a right may be missing, or a namespace, for long.
LONGEST_REFUSED_SECONDS = 120.0


def rarer(seconds: float) -> float:
    """The next pause, where it was still refused after one of so many seconds."""
    return min(1.25 * seconds, LONGEST_REFUSED_SECONDS)


class Pause:
    """Of one watch. After one that lasted the next begins at once."""

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
        """`patience` are the seconds that the server asks to wait."""
        self._seconds = max(min(2 * self._seconds, LONGEST_PAUSE_SECONDS), patience)
        self._refusal = ""

    def refused(self, why: str) -> bool:
        """By somebody's rules, or because it is not there. False where it was so before."""
        soon = min(2 * self._seconds, LONGEST_PAUSE_SECONDS)
        self._seconds = max(soon, rarer(self._seconds))
        is_news, self._refusal = why != self._refusal, why
        return is_news
