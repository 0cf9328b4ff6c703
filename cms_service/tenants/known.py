"""What is known of tenants by name, in bounded memory.

Anybody can make up names: those of nobody are kept apart, so that they push no tenant out.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from cms_service.core.caching.lru import keep
from cms_service.tenants.schemas import TenantState

_MAX_TENANTS = 10_000


@dataclass(slots=True, eq=False)
class Followed:
    """A time from which on all changes are told: what was asked for in it, and was not told of
    since, is true as of `until`.
    """

    until: float


UNFOLLOWED = Followed(float("-inf"))


@dataclass(frozen=True, slots=True)
class Generations:
    content: int = 0
    access: int = 0

    def newest(self, other: "Generations") -> "Generations":
        return Generations(max(self.content, other.content), max(self.access, other.access))


_ANY = Generations()


@dataclass(frozen=True, slots=True)
class Known:
    """`state` is None for a name that nobody has. `history`: see Changes."""

    state: TenantState | None
    asked_at: float
    history: str
    followed: Followed = UNFOLLOWED

    @property
    def as_of(self) -> float:
        return max(self.asked_at, self.followed.until)

    def overtakes(self, old: "Known") -> bool:
        """Generations of a tenant only grow, but not where writes were lost: in another history the
        later question was told what there is.
        """
        if self.state is None or old.state is None:
            return True
        if (self.state.id, self.history) != (old.state.id, old.history):
            return self.asked_at >= old.asked_at
        return self.reaches(Generations(old.state.generation, old.state.access_generation))

    def reaches(self, wanted: Generations) -> bool:
        return self.state is None or (
            self.state.generation >= wanted.content
            and self.state.access_generation >= wanted.access
        )


def key_of(tenant_id: UUID) -> str:
    """The key by which changes tell of a tenant."""
    return hashlib.sha256(tenant_id.bytes).hexdigest()


class KnownTenants:
    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._nobodys: OrderedDict[str, Known] = OrderedDict()
        self._names: dict[str, str] = {}  # of those that are known, by key
        self._written: OrderedDict[str, Generations] = OrderedDict()

    def get(self, name: str) -> Known | None:
        return self._known.get(name) or self._nobodys.get(name)

    def used(self, name: str) -> None:
        self._known.move_to_end(name)

    def written(self, name: str) -> Generations:
        """What this pod itself has made of it."""
        return self._written.get(name, _ANY)

    def note(self, name: str, generations: Generations) -> None:
        keep(self._written, name, self.written(name).newest(generations), _MAX_TENANTS)

    def note_lost(self, name: str, written: Generations) -> None:
        """Nobody waits for it any more; for what was written since, they do."""
        if self.written(name) == written:
            self._written.pop(name, None)

    def keep(self, name: str, new: Known) -> Known:
        """An answer that was overtaken by a newer one is dropped."""
        if new.state is None:
            self._forget(name)
            keep(self._nobodys, name, new, _MAX_TENANTS)
            return new
        self._nobodys.pop(name, None)
        old = self._known.get(name)
        if old is not None and not new.overtakes(old):
            new = old
        self._put(name, new)
        return new

    def doubt(self, keys: Iterable[str]) -> None:
        """They have changed: what is known of them grows old from now on."""
        for key in keys:
            if (name := self._names.get(key)) is not None:
                known = self._known[name]
                self._known[name] = Known(known.state, known.as_of, known.history)

    def _put(self, name: str, known: Known) -> None:
        self._forget(name)
        if known.state is not None:
            key = key_of(known.state.id)
            self._forget(self._names.get(key, name))  # the name that it had before
            self._names[key] = name
        self._known[name] = known
        if len(self._known) > _MAX_TENANTS:
            self._forget(next(iter(self._known)))

    def _forget(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is not None and known.state is not None:
            del self._names[key_of(known.state.id)]
