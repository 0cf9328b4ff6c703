"""Plain lines that tell what is being done, for how long, and what is being built."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Clock = Callable[[], float]
# Long builds report at this pace, so that a log stays readable.
SECONDS_BETWEEN_DETAILS = 10.0


class Step:
    def __init__(self, title: str, say: Callable[[str], None], clock: Clock) -> None:
        self.title = title
        self._say = say
        self._clock = clock
        self._started = self._last = clock()

    @property
    def seconds(self) -> float:
        return self._clock() - self._started

    def detail(self, text: str) -> None:
        """Shows text, unless another detail was shown a moment ago."""
        now = self._clock()
        if now - self._last >= SECONDS_BETWEEN_DETAILS:
            self._last = now
            self._say(f"{self.title}: {text} ({self.seconds:.0f} s)")


class Progress:
    """Steps may run in several threads."""

    def __init__(self, stream: TextIO | None = None, clock: Clock = time.monotonic) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._clock = clock
        self._started = clock()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        elapsed = self._clock() - self._started
        with self._lock:
            self._stream.write(f"[{elapsed:6.1f} s] {text}\n")
            self._stream.flush()

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        self.say(f"{title} ...")
        step = Step(title, self.say, self._clock)
        try:
            yield step
        except BaseException:
            self.say(f"{title}: failed after {step.seconds:.1f} s")
            raise
        self.say(f"{title}: done in {step.seconds:.1f} s")
