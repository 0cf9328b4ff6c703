"""Tenants by name, with their generations: what a pod must know to serve from its cache.

PostgreSQL alone is asked, never Redis, so that a lost Redis can make nothing wrong. An answer is
used for half a second: with the time that asking takes, a write shows on every pod within one
second.

Anybody can make up names: those of nobody are kept apart, so that they push no tenant out.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cms_service.core.errors import Unavailable
from cms_service.core.recent import keep
from cms_service.tenants.schemas import TenantState

FRESH_SECONDS = 0.5
# From then on the next answer is on its way before anybody has to wait for it.
AHEAD_SECONDS = 0.4
ASK_SECONDS = 2.0
# With the database away nobody asks again for so long, and what is known has to do.
PAUSE_SECONDS = 1.0
_MAX_TENANTS = 10_000
_MAX_BATCH = 1_000


class TenantStates(Protocol):
    async def states(self, names: list[str]) -> dict[str, TenantState]:
        """Those that exist. Raises Unavailable."""


@dataclass(frozen=True, slots=True)
class Known:
    """`state` is None for a name that nobody has."""

    state: TenantState | None
    asked_at: float

    def reaches(self, wanted: "Generations") -> bool:
        return self.state is None or (
            self.state.generation >= wanted.content
            and self.state.access_generation >= wanted.access
        )


@dataclass(frozen=True, slots=True)
class Generations:
    content: int = 0
    access: int = 0

    def newest(self, other: "Generations") -> "Generations":
        return Generations(max(self.content, other.content), max(self.access, other.access))


_ANY = Generations()


@dataclass(frozen=True, slots=True)
class Lookup:
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
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._nobodys: OrderedDict[str, Known] = OrderedDict()
        self._written: OrderedDict[str, Generations] = OrderedDict()
        self._collecting: _Batch | None = None
        self._asking: dict[str, asyncio.Task[dict[str, Known]]] = {}
        self._ask_again_at = float("-inf")

    async def find(self, name: str) -> TenantState | None:
        """Raises Unavailable rather than answer from the past. The caller needs the database in any
        case, so that no pause is kept after a failure.
        """
        lookup = await self._look_up(name, 0, pause=False)
        if lookup.stale:
            raise _away()
        return lookup.state

    async def look_up(self, name: str, min_generation: int = 0) -> Lookup:
        """Raises Unavailable for a tenant of which nothing is known while the database is away, or
        nothing as new as the caller wants.
        """
        return await self._look_up(name, min_generation, pause=True)

    async def _look_up(self, name: str, min_generation: int, *, pause: bool) -> Lookup:
        known = self._known.get(name) or self._nobodys.get(name)
        wanted = self._written.get(name, _ANY)
        if min_generation > wanted.content:
            wanted = wanted.newest(Generations(min_generation))
        now = self._clock()
        if known is not None and now - known.asked_at < FRESH_SECONDS and known.reaches(wanted):
            if known.state is not None:
                self._known.move_to_end(name)
                if now - known.asked_at > AHEAD_SECONDS and now >= self._ask_again_at:
                    self._answer_to(name)
            return Lookup(known.state, stale=False)
        try:
            fresh = await self._ask(name, pause=pause)
            if not fresh.reaches(wanted):
                # That answer may have been under way before the write that the caller speaks of.
                fresh = await self._ask(name, pause=pause)
        except Unavailable:
            if known is None or not self._may_be_shown(known, min_generation):
                raise
            return Lookup(known.state, stale=True)
        return Lookup(fresh.state, stale=False)

    def note_write(self, name: str, generation: int) -> None:
        """A write of this pod: whatever is older will not do for its next read."""
        self._note(name, Generations(content=generation))

    def note_access_change(self, name: str, access_generation: int) -> None:
        """As with other writes, of what users, roles and keys are."""
        self._note(name, Generations(access=access_generation))

    def _note(self, name: str, generations: Generations) -> None:
        newest = self._written.get(name, _ANY).newest(generations)
        keep(self._written, name, newest, _MAX_TENANTS)

    def _may_be_shown(self, known: Known, min_generation: int) -> bool:
        """With the database away."""
        if known.state is None or known.state.generation < min_generation:
            return False
        return self._clock() - known.asked_at <= self._stale_seconds

    async def _ask(self, name: str, *, pause: bool) -> Known:
        """Joins a question that is under way; names that are wanted at once are asked for at
        once.
        """
        if pause and self._clock() < self._ask_again_at:
            raise _away()
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
        asked_at = self._clock()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                states = await self._repository.states(sorted(names))
        except (TimeoutError, Unavailable):
            self._ask_again_at = self._clock() + PAUSE_SECONDS
            raise _away() from None
        finally:
            for name in names:
                self._asking.pop(name, None)
        return {name: self._keep(name, Known(states.get(name), asked_at)) for name in names}

    def _keep(self, name: str, new: Known) -> Known:
        """Generations only grow: an answer that was overtaken by a newer one is dropped."""
        if new.state is None:
            self._known.pop(name, None)
            keep(self._nobodys, name, new, _MAX_TENANTS)
            return new
        self._nobodys.pop(name, None)
        old = self._known.get(name)
        if old is not None and old.state is not None:
            reached = Generations(old.state.generation, old.state.access_generation)
            new = new if new.reaches(reached) else old
        keep(self._known, name, new, _MAX_TENANTS)
        return new


def _note_outcome(task: asyncio.Task[dict[str, Known]]) -> None:
    """A failure is known even where nobody waits for the answer."""
    if not task.cancelled():
        task.exception()


def _away() -> Unavailable:
    return Unavailable("The database cannot be reached.")
