"""A keyed queue for workers.

A key waits at most once, is worked on by one worker at a time, comes back later
where it was asked to, and more slowly after each failure. It rests after each pass,
so that what a busy cluster answers to one write is looked at together. What something
has happened to goes before what is only looked at again.

    add          -> ready; what is worked on -> again; what rests -> held, until it has rested
    add_routine  -> routine, unless it waits or is worked on
    add_after    -> due, and at that time as if it were added; retry likewise
    take         ready, else routine -> working
    done         working -> rests; again -> as if it were added

In client-go's words: ready is the queue, again is dirty, working is processing, retry is
AddRateLimited.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 300.0
_MAX_DOUBLINGS = 20
# A pass takes long where the API server is busy, and then one write brings many events.
TIMES_AS_LONG = 2.0
LONGEST_REST_SECONDS = 0.5
# Entries of the heap that nothing is due for any more, beside one a key.
_MOST_STALE = 64


class WorkQueue(Generic[K]):
    """`clock` gives seconds (monotonic), `jitter` a factor around 1 for retries.

    `most_routine` keys of routine are worked on at the same time, so that a worker is
    free for what happens meanwhile.
    A key that is added while it is worked on is handed out again afterwards:
    no change that came in between is lost.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        most_routine: int = 1,
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._most_routine = most_routine
        # Since when a key waits, in this order: something has happened to it, or nothing.
        self._ready: dict[K, float] = {}
        self._routine: dict[K, float] = {}
        # Since when a worker has it; of these, those of routine, and those added meanwhile.
        self._working: dict[K, float] = {}
        self._working_routine: set[K] = set()
        self._again: set[K] = set()
        # Until when it rests, and since when it waits that was added meanwhile.
        self._rests_until: dict[K, float] = {}
        self._held: dict[K, float] = {}
        # When a delayed or held key is ready. The heap may have entries that are no longer so;
        # the number tells apart what is due at the same time.
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = itertools.count()
        # How often in a row it has failed.
        self._failures: dict[K, int] = {}
        self._wake = asyncio.Event()

    def add(self, key: K) -> None:
        """Hand the key out as soon as it has rested and a worker is free."""
        now = self._clock()
        if key in self._working:
            self._due.pop(key, None)
            self._again.add(key)
        elif key in self._ready:
            self._due.pop(key, None)
        elif self._rests_until.get(key, now) > now:
            self._held.setdefault(key, self._routine.pop(key, now))
            self._add_at(key, self._rests_until[key])
        else:
            self._due.pop(key, None)
            since = self._held.pop(key, now)
            self._ready[key] = self._routine.pop(key, since)
            self._wake.set()

    def add_routine(self, key: K) -> None:
        """Hand the key out when nothing else waits; nothing has happened to it."""
        if not any(key in those for those in (self._ready, self._held, self._working)):
            self._routine.setdefault(key, self._clock())
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Hand the key out later; of several such wishes the earliest counts."""
        self._add_at(key, self._clock() + max(0.0, seconds))

    def _add_at(self, key: K, due: float) -> None:
        if key in self._ready or self._due.get(key, due + 1) <= due:
            return
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._order), key))
        if len(self._heap) > _MOST_STALE + 2 * len(self._due):
            self._heap = [(at, next(self._order), kept) for kept, at in self._due.items()]
            heapq.heapify(self._heap)
        self._wake.set()

    def retry(self, key: K, longest: float = LONGEST_DELAY_SECONDS) -> float:
        """Hand the key out after a delay that doubles with each failure in a row, up to `longest`.

        Returns that delay in seconds.
        """
        failures = min(self._failures.get(key, 0), _MAX_DOUBLINGS)
        self._failures[key] = failures + 1
        delay = min(FIRST_DELAY_SECONDS * 2.0**failures, longest) * self._jitter()
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """The key is well again: its next failure counts as the first."""
        self._failures.pop(key, None)

    def failures(self) -> Mapping[K, int]:
        """How often each key that is not well has failed in a row."""
        return dict(self._failures)

    async def get(self) -> tuple[K, float]:
        """Wait for a key; return it with the seconds that it has waited."""
        while (taken := self.take()) is None:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._until_next()):
                    await self._wake.wait()
            except TimeoutError:
                continue
        return taken

    def take(self) -> tuple[K, float] | None:
        """The key that has waited longest, if any is due; routine comes last."""
        self._promote()
        waiting = self._ready
        if not waiting and len(self._working_routine) < self._most_routine:
            waiting = self._routine
        if not waiting:
            return None
        key, since = next(iter(waiting.items()))
        del waiting[key]
        now = self._clock()
        self._working[key] = now
        if waiting is self._routine:
            self._working_routine.add(key)
        return key, now - since

    def done(self, key: K) -> None:
        """The worker has finished with the key."""
        self._rest(key, self._working.pop(key))
        if key in self._working_routine:
            self._working_routine.discard(key)
            self._wake.set()
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def depth(self) -> int:
        return len(self._ready) + len(self._routine)

    def working(self) -> int:
        """How many keys are being worked on."""
        return len(self._working)

    def oldest_age(self) -> float:
        """Seconds that the longest-waiting key has waited."""
        now = self._clock()
        oldest = (next(iter(waiting.values()), now) for waiting in (self._ready, self._routine))
        return now - min(oldest)

    def _rest(self, key: K, since: float) -> None:
        now = self._clock()
        self._rests_until.pop(key, None)
        while self._rests_until and next(iter(self._rests_until.values())) <= now:
            del self._rests_until[next(iter(self._rests_until))]
        self._rests_until[key] = now + min(TIMES_AS_LONG * (now - since), LONGEST_REST_SECONDS)

    def _promote(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            due, _, key = heapq.heappop(self._heap)
            if self._due.get(key) == due:
                del self._due[key]
                self.add(key)

    def _until_next(self) -> float | None:
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] - self._clock() if self._heap else None
