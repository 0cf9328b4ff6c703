import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_SECONDS = 0.5


class TookTooLongError(Exception):
    pass


def wait_until(
    probe: Callable[[], T | None], seconds: float, what: str, poll: float = POLL_SECONDS
) -> T:
    """Poll until the probe returns something true, and return that.

    Raises TookTooLongError.
    """
    deadline = time.monotonic() + seconds
    while True:
        if found := probe():
            return found
        if time.monotonic() > deadline:
            raise TookTooLongError(f"not within {seconds:.0f} s: {what}")
        time.sleep(poll)
