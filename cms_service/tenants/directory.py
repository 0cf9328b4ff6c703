"""Tenants by name, with their generations: what a pod must know to serve from its cache.

PostgreSQL alone is asked, never Redis, so that a lost Redis can make nothing wrong. What is known
is used for half a second, and then once more if it is not among what has changed, which one
question tells of all tenants: with the time that asking takes, a write shows on every pod within
one second. What is unknown or has changed is asked for by name.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cms_service.core.errors import Unavailable
from cms_service.core.postgres.transaction import when_committed
from cms_service.tenants.changes import ChangeFollower, ChangeSource, Reading
from cms_service.tenants.known import Generations, Known, KnownTenants, key_of
from cms_service.tenants.questions import Questions
from cms_service.tenants.schemas import TenantState

FRESH_SECONDS = 0.5
# From then on the next answer is on its way before anybody has to wait for it.
AHEAD_SECONDS = 0.4
_MAX_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """Those that exist, by name. `history`: see Changes."""

    history: str
    states: dict[str, TenantState]


class TenantStates(ChangeSource, Protocol):
    async def states(self, names: list[str]) -> Found:
        """Raises Unavailable."""


class Lookup(NamedTuple):
    """`stale`: the database is away and this is what was last known."""

    state: TenantState | None
    stale: bool


@dataclass
class _Batch:
    names: set[str]
    task: asyncio.Task[dict[str, Known]]


class TenantDirectory:
    """`stale_seconds`: for how long the last known may be looked up while the database is away."""

    def __init__(
        self, repository: TenantStates, clock: Callable[[], float], stale_seconds: float
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._stale_seconds = stale_seconds
        self._tenants = KnownTenants()
        self._follower = ChangeFollower(repository, clock, self._tenants.doubt)
        self._catching_up: asyncio.Task[None] | None = None
        self._collecting: _Batch | None = None
        self._asking: dict[str, asyncio.Task[dict[str, Known]]] = {}
        self._questions = Questions(clock)

    async def find(self, name: str) -> TenantState | None:
        """Raises Unavailable rather than answer from the past. The caller needs the database in any
        case, so that no pause is kept after a failure.
        """
        at_hand = self._at_hand(name, 0)
        if at_hand is not None:
            return at_hand.state
        return (await self._newest(name, self._wanted(name, 0))).state

    async def look_up(self, name: str, min_generation: int = 0) -> Lookup:
        """Raises Unavailable for a tenant of which nothing is known while the database is away, or
        nothing as new as the caller wants.
        """
        at_hand = self._at_hand(name, min_generation)
        if at_hand is not None:
            return at_hand
        known = self._tenants.get(name)
        try:
            self._questions.check()
            fresh = await self._newest(name, self._wanted(name, min_generation))
        except Unavailable:
            if known is None or not self._may_be_shown(known, min_generation):
                raise
            return Lookup(known.state, stale=True)
        return Lookup(fresh.state, stale=False)

    def _at_hand(self, name: str, min_generation: int) -> Lookup | None:
        """What can be told now; None where the database has to be asked."""
        known = self._tenants.get(name)
        if known is None or not known.reaches(self._wanted(name, min_generation)):
            return None
        now = self._clock()
        age = now - known.as_of
        if age >= FRESH_SECONDS:
            return None
        if known.state is not None:
            self._tenants.used(name)
            if age > AHEAD_SECONDS and not self._questions.are_paused:
                self._ask_ahead(name, known)
        return Lookup(known.state, stale=False)

    def _wanted(self, name: str, min_generation: int) -> Generations:
        written = self._tenants.written(name)
        if min_generation > written.content:
            return written.newest(Generations(min_generation))
        return written

    def note_write(self, name: str, generation: int) -> None:
        """A write of this pod, once it is committed: whatever is older will not do for its next
        read.
        """
        when_committed(lambda: self._tenants.note(name, Generations(content=generation)))

    def note_access_change(self, name: str, access_generation: int) -> None:
        """Notes a committed change of users, roles or keys, as `note_write` does of content."""
        when_committed(lambda: self._tenants.note(name, Generations(access=access_generation)))

    def _may_be_shown(self, known: Known, min_generation: int) -> bool:
        """Whether what is known may be shown while the database is away."""
        if known.state is None or known.state.generation < min_generation:
            return False
        return self._clock() - known.as_of <= self._stale_seconds

    async def _newest(self, name: str, wanted: Generations) -> Known:
        known = self._tenants.get(name)
        if known is not None and self._is_followed(known) and known.reaches(wanted):
            await asyncio.shield(self._catch_up())
            known = self._tenants.get(name)
            if known is not None and self._is_followed(known):
                return known
        known = await self._ask(name)
        if not known.reaches(wanted):
            # That answer may have been under way before the write that the caller speaks of.
            known = await self._ask(name)
        return known

    def _is_followed(self, known: Known) -> bool:
        """The next question for changes tells whether it is true still."""
        return known.followed is self._follower.followed

    def _ask_ahead(self, name: str, known: Known) -> None:
        if self._is_followed(known):
            self._catch_up()
        else:
            self._answer_to(name)

    def _catch_up(self) -> asyncio.Task[None]:
        if self._catching_up is None:
            self._catching_up = asyncio.ensure_future(self._ask_for_changes())
            self._catching_up.add_done_callback(_note_outcome)
        return self._catching_up

    async def _ask_for_changes(self) -> None:
        try:
            await self._questions.in_time(self._follower.catch_up())
        finally:
            self._catching_up = None

    async def _ask(self, name: str) -> Known:
        """Joins a question that is under way; names that are wanted at once are asked for at
        once.
        """
        return (await asyncio.shield(self._answer_to(name)))[name]

    def _answer_to(self, name: str) -> asyncio.Task[dict[str, Known]]:
        task = self._asking.get(name)
        if task is None:
            batch = self._open_batch()
            batch.names.add(name)
            task = self._asking[name] = batch.task
        return task

    def _open_batch(self) -> _Batch:
        if self._collecting is None or len(self._collecting.names) >= _MAX_BATCH:
            names: set[str] = set()
            task = asyncio.ensure_future(self._ask_for(names))
            task.add_done_callback(_note_outcome)
            self._collecting = _Batch(names, task)
        return self._collecting

    async def _ask_for(self, names: set[str]) -> dict[str, Known]:
        await asyncio.sleep(0)  # lets the names of this moment gather
        if self._collecting is not None and self._collecting.names is names:
            self._collecting = None
        try:
            if not self._follower.has_begun:  # what is known from before then is never followed
                await asyncio.shield(self._catch_up())
            asked_at = self._clock()
            written = {name: self._tenants.written(name) for name in names}
            with self._follower.reading() as reading:
                found = await self._questions.in_time(self._repository.states(sorted(names)))
        finally:
            for name in names:
                self._asking.pop(name, None)
        return {
            name: self._keep(name, _known(found, name, asked_at, reading), written[name])
            for name in names
        }

    def _keep(self, name: str, new: Known, written: Generations) -> Known:
        """`written`: what was noted before it was asked for."""
        kept = self._tenants.keep(name, new)
        if not kept.reaches(written):
            self._tenants.note_lost(name, written)
        return kept


def _known(found: Found, name: str, asked_at: float, reading: Reading) -> Known:
    state = found.states.get(name)
    if state is None:
        return Known(None, asked_at, found.history)
    return Known(state, asked_at, found.history, reading.follows(key_of(state.id), found.history))


def _note_outcome(task: asyncio.Task[Any]) -> None:
    """A failure is known even where nobody waits for the answer."""
    if not task.cancelled():
        task.exception()
