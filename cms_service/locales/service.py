from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from pydantic import TypeAdapter

from cms_service.auth.actor import Actor
from cms_service.content_types.fields import BaseField, Fields, patterns
from cms_service.content_types.fields.walk import localised_paths
from cms_service.core.errors import Conflict, FieldError, NotFound
from cms_service.core.postgres.redone import redone
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.places import reads_whole_type
from cms_service.locales.repository import LocaleRepository
from cms_service.locales.schemas import Locales
from cms_service.tenants.directory import TenantDirectory

# Who writes entries of the tenant waits so long at most, holding a connection.
MAX_SECONDS = 8.0
_MAX_NAMED = 20
_FIELDS: TypeAdapter[tuple[BaseField, ...]] = TypeAdapter(Fields)


@dataclass(frozen=True)
class _Localised:
    """A type, and where its localised fields are, as SQL/JSON paths."""

    id: str
    version: int
    name: str
    paths: Sequence[str]


@dataclass(frozen=True)
class _Seen:
    """What was looked at while others wrote: the locales and the types by then, with all entries
    that were written before `since`.
    """

    since: str
    locales: Locales
    types: Mapping[str, _Localised]


# How many entries of the type have something at one of the paths.
_Count = Callable[[_Localised, Sequence[str]], Awaitable[int]]


class LocaleService:
    """`clock` in seconds."""

    def __init__(
        self,
        repository: LocaleRepository,
        directory: TenantDirectory,
        clock: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._directory = directory
        self._clock = clock

    async def get(self, tenant_id: UUID) -> Locales:
        locales = await self._repository.get(tenant_id)
        if locales is None:
            raise NotFound("There is no such tenant.")
        return locales

    async def replace(
        self, actor: Actor, new: Locales, *, break_fallbacks: bool
    ) -> tuple[Locales, int]:
        """A locale in which something is written cannot be taken away, and another becomes the
        default only with `break_fallbacks` where something is shown in it by falling back. Also the
        tenant's new generation.

        All entries are looked at while others write. Then these wait, for a look at what they have
        written meanwhile.
        """
        seen = await self._look(actor, new, break_fallbacks=break_fallbacks)
        # This goes through the types in their order, who changes one begins with that.
        generation = await redone(
            lambda: self._replace(actor, new, seen, break_fallbacks=break_fallbacks)
        )
        self._directory.note_write(actor.tenant_name, generation)
        return new, generation

    async def _look(self, actor: Actor, new: Locales, *, break_fallbacks: bool) -> _Seen:
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            since = await self._repository.now(transaction)
            old = await self._repository.current(transaction)
            types = await self._localised(transaction)

            async def count(each: _Localised, paths: Sequence[str]) -> int:
                return await self._repository.entries_with(
                    transaction, each.id, paths, lambda: None
                )

            await _check(_Look(actor, types, count), old, new, break_fallbacks=break_fallbacks)
        return _Seen(since, old, {each.id: each for each in types})

    async def _replace(
        self, actor: Actor, new: Locales, seen: _Seen, *, break_fallbacks: bool
    ) -> int:
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            await self._repository.lock_types(transaction)
            pace = _Pace(self._clock, self._clock() + MAX_SECONDS)
            old = await self._repository.current(transaction)
            generation = await self._repository.update(transaction, new)
            # Once more: whoever makes a type writes the tenant's row too, and was waited for.
            await self._repository.lock_types(transaction)
            types = await self._localised(transaction)

            async def count(each: _Localised, paths: Sequence[str]) -> int:
                pace.next()
                if (old, each) != (seen.locales, seen.types.get(each.id)):
                    return await self._repository.entries_with(
                        transaction, each.id, paths, pace.next
                    )
                found = await self._repository.new_entries_with(
                    transaction, each.id, paths, seen.since
                )
                if found is None:
                    raise pace.over()
                return found

            await _check(_Look(actor, types, count), old, new, break_fallbacks=break_fallbacks)
            await self._repository.touch_types(transaction, [each.id for each in types])
        return generation

    async def _localised(self, transaction: Transaction) -> list[_Localised]:
        """Types with localised fields."""
        found: list[_Localised] = []
        after, has_more = None, True
        while has_more:
            types = await self._repository.types(transaction, after)
            has_more = types.is_cut
            for row in types.rows:
                after = row["id"]
                with patterns.known():
                    paths = _sql_paths(_FIELDS.validate_python(row["fields"]))
                if paths:
                    found.append(_Localised(row["id"], row["version"], row["name"], paths))
        return found


@dataclass(frozen=True)
class _Pace:
    """`deadline` is a time of the clock, in seconds."""

    clock: Callable[[], float]
    deadline: float

    def next(self) -> None:
        """Raises Conflict when the time is over."""
        if self.clock() >= self.deadline:
            raise self.over()

    def over(self) -> Conflict:
        return Conflict(
            "So much was written in the last minutes that a look at it would take longer than"
            f" {MAX_SECONDS:.0f} seconds, for which all who write would wait: nothing is changed."
            " Try again when less is being written."
        )


@dataclass(frozen=True)
class _Look:
    """At the entries of all these types; what it finds is told to the actor."""

    actor: Actor
    types: Sequence[_Localised]
    count: _Count

    def entries(self, number: int, of: _Localised) -> str:
        """How many of which type is told to whoever may read all of it."""
        if reads_whole_type(self.actor, of.name, own=False):
            return f"{number} entries of the type {of.name}"
        return f"Entries that {self.actor.subject.name} may not read, or not all of,"


async def _check(look: _Look, old: Locales, new: Locales, *, break_fallbacks: bool) -> None:
    """Raises Conflict."""
    if removed := old.codes - new.codes:
        await _check_unused(look, removed)
    if new.default != old.default and not break_fallbacks:
        await _check_shown(look, old, new.default)


async def _check_unused(look: _Look, removed: Collection[str]) -> None:
    for each in look.types:
        in_locales = [f'{path}."{code}"' for path in each.paths for code in removed]
        if number := await look.count(each, in_locales):
            raise Conflict(
                f"{look.entries(number, each)} have values in"
                f" {' or '.join(sorted(removed))}: remove these first."
            )


async def _check_shown(look: _Look, old: Locales, default: str) -> None:
    """Refuses a default locale in which something would not be shown: all others fall back to it,
    and it falls back to none.
    """
    former = old.chain(default)[1:] if default in old.codes else (old.default,)
    written = " || ".join(f'exists (@."{code}")' for code in former)
    condition = f'? (({written}) && !(exists (@."{default}")))'
    lost: dict[str, None] = {}  # each once: those of several types may be told of alike
    for each in look.types:
        at = [f"{path} {condition}" for path in each.paths]
        if number := await look.count(each, at):
            lost[f"{look.entries(number, each)} have such fields"] = None
    if lost:
        raise Conflict(
            f"Fields without a value in {default} would be empty: what they have in"
            f" {' or '.join(former)} is shown in its place so far. Fill them in, and publish"
            " what is published, or repeat this with breakFallbacks=true.",
            tuple(FieldError("/default", detail) for detail in islice(lost, _MAX_NAMED)),
        )


def _sql_paths(fields: Sequence[BaseField]) -> list[str]:
    """Paths in the lax mode of SQL/JSON, which goes through lists by itself."""
    return ["$" + "".join(f'."{name}"' for name in path) for path in localised_paths(fields)]
