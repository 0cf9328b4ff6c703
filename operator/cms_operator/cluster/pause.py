"""How soon what has broken off is tried again."""

import asyncio
import math

# Between the beginnings of two tries; it doubles with each one that soon breaks off.
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 16.0


class Pause:
    """Of one watch. After one that lasted the next begins at once."""

    def __init__(self) -> None:
        self._seconds = PAUSE_SECONDS
        self._begun = -math.inf

    async def begin(self) -> None:
        """Wait until the next try may begin."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(max(0.0, self._begun + self._seconds - clock()))
        self._begun = clock()

    def went_well(self) -> None:
        self._seconds = PAUSE_SECONDS

    def broke_off(self, patience: float = 0.0) -> None:
        """`patience` are the seconds that the server asks to wait."""
        self._seconds = max(min(2 * self._seconds, LONGEST_PAUSE_SECONDS), patience)
