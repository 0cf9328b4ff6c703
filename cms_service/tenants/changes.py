"""What has changed, asked for since the time before: one small question for all tenants.

Each answer brings the marker for the next question. It is PostgreSQL's number of the oldest
transaction that was under way: those below it had ended, and the answer has told of them. Changes
may be told twice and are never left out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from cms_service.tenants.known import UNFOLLOWED, Followed

MAX_CHANGES = 1_000


@dataclass(frozen=True, slots=True)
class Changes:
    """`history` is another one where the marker of the answer before means nothing.
    `changed`: by key the transaction; where there are more than MAX_CHANGES, only some.
    """

    history: str
    marker: str
    changed: Mapping[str, str]


class ChangeSource(Protocol):
    async def changes(self, since: str | None) -> Changes:
        """None: no changes, but the history and the marker. Raises Unavailable."""


@dataclass(slots=True, eq=False)
class Reading:
    """A question by name that is under way, and what was told meanwhile."""

    followed: Followed
    _history: str
    changed: set[str] = field(default_factory=set)

    def follows(self, key: str, history: str) -> Followed:
        """What its answer is part of. `history`: that in which it was given."""
        if history != self._history or key in self.changed:
            return UNFOLLOWED
        return self.followed


class ChangeFollower:
    """`doubt` is called with the keys of what has changed. One question at a time."""

    def __init__(
        self,
        source: ChangeSource,
        clock: Callable[[], float],
        doubt: Callable[[Iterable[str]], None],
    ) -> None:
        self._source = source
        self._clock = clock
        self._doubt = doubt
        self._last: Changes | None = None
        self._readings: set[Reading] = set()
        self.followed = UNFOLLOWED

    @property
    def has_begun(self) -> bool:
        return self._last is not None

    async def catch_up(self) -> None:
        """Raises Unavailable."""
        asked_at = self._clock()
        last = self._last
        new = await self._source.changes(last.marker if last else None)
        self._last = new
        if last is None or new.history != last.history or len(new.changed) > MAX_CHANGES:
            self.followed = Followed(asked_at)
            return
        # A long transaction keeps the marker back, and the same is told again and again.
        self._note({key for key, _ in new.changed.items() - last.changed.items()})
        self.followed.until = asked_at

    @contextmanager
    def reading(self) -> Iterator[Reading]:
        reading = Reading(self.followed, self._last.history if self._last else "")
        self._readings.add(reading)
        try:
            yield reading
        finally:
            self._readings.discard(reading)

    def _note(self, changed: set[str]) -> None:
        self._doubt(changed)
        for reading in self._readings:
            reading.changed |= changed
