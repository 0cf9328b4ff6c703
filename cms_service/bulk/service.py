"""Many entries in one request: each by itself, or all of them in one transaction."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.bulk.schemas import (
    Deletion,
    EntryChanges,
    Item,
    NewEntries,
    Outcome,
    Outcomes,
    Selection,
)
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.errors import FieldError, Problem, Unavailable
from cms_service.core.postgres.redone import redone
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.attempts import overtaken, until_current
from cms_service.entries.repository import EntryRepository
from cms_service.entries.schemas import EntryChange, EntryContent
from cms_service.entries.seen import Seen
from cms_service.entries.service import EntryService
from cms_service.entries.target import Target
from cms_service.tenants.directory import TenantDirectory

One = TypeVar("One", Item, EntryContent, EntryChange)

# What became of it and the tenant's new generation, if it changed that; None where the entry or its
# type was changed meanwhile.
Done = tuple[Outcome, int | None] | None
Act = Callable[[ContentType, One, Transaction | None], Awaitable[Done]]


class BulkService:
    """All answer with the tenant's new generation, if they changed it."""

    def __init__(
        self,
        entries: EntryService,
        repository: EntryRepository,
        content_types: ContentTypeService,
        directory: TenantDirectory,
    ) -> None:
        self._entries = entries
        self._repository = repository
        self._content_types = content_types
        self._directory = directory

    async def create(
        self, actor: Actor, type_name: str, wanted: NewEntries
    ) -> tuple[Outcomes, int | None]:
        async def act(
            content_type: ContentType, new: EntryContent, within: Transaction | None
        ) -> Done:
            entry = await self._entries.create_once(actor, content_type, new.fields, within)
            if entry is None:
                return None
            return Outcome(id=entry.id, status=201, version=entry.version), None

        return await self._run(actor, type_name, _Work(wanted.items, act, wanted.atomic))

    async def update(
        self, actor: Actor, type_name: str, wanted: EntryChanges
    ) -> tuple[Outcomes, int | None]:
        async def act(
            content_type: ContentType, item: EntryChange, within: Transaction | None
        ) -> Done:
            target = Target(type_name, item.id, _seen(item))
            entry = await self._entries.patch_once(actor, content_type, target, item.fields, within)
            return None if entry is None else (_ok(item.id, entry.version), None)

        return await self._run(actor, type_name, _Work(wanted.items, act, wanted.atomic))

    async def publish(
        self, actor: Actor, type_name: str, wanted: Selection
    ) -> tuple[Outcomes, int | None]:
        async def act(content_type: ContentType, item: Item, within: Transaction | None) -> Done:
            target = Target(type_name, item.id, _seen(item))
            done = await self._entries.publish_once(actor, content_type, target, within)
            return None if done is None else (_ok(item.id, done.entry.version), done.generation)

        return await self._run(actor, type_name, _Work(wanted.items, act, wanted.atomic))

    async def unpublish(
        self, actor: Actor, type_name: str, wanted: Selection
    ) -> tuple[Outcomes, int | None]:
        async def act(_: ContentType, item: Item, within: Transaction | None) -> Done:
            target = Target(type_name, item.id, _seen(item))
            done = await self._entries.unpublish_once(actor, target, within)
            return _ok(item.id, done.entry.version), done.generation

        return await self._run(actor, type_name, _Work(wanted.items, act, wanted.atomic))

    async def delete(
        self, actor: Actor, type_name: str, wanted: Deletion
    ) -> tuple[Outcomes, int | None]:
        async def act(_: ContentType, item: Item, within: Transaction | None) -> Done:
            target = Target(type_name, item.id, _seen(item))
            generation = await self._entries.delete_once(
                actor, target, within, break_references=wanted.break_references
            )
            return None if generation is None else (Outcome(id=item.id, status=204), generation)

        work = _Work(wanted.items, act, wanted.atomic, to_delete=True)
        return await self._run(actor, type_name, work)

    async def _run(
        self, actor: Actor, type_name: str, work: "_Work[One]"
    ) -> tuple[Outcomes, int | None]:
        run = self._together if work.atomic else self._separately
        done = await run(actor, type_name, work)
        generations = [generation for _, generation in done if generation is not None]
        generation = max(generations, default=None)
        if generation is not None:
            self._directory.note_write(actor.tenant_name, generation)
        return Outcomes(items=[outcome for outcome, _ in done]), generation

    async def _together(
        self, actor: Actor, type_name: str, work: "_Work[One]"
    ) -> list[tuple[Outcome, int | None]]:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        return await redone(lambda: self._in_one_transaction(actor, content_type, work))

    async def _in_one_transaction(
        self, actor: Actor, content_type: ContentType, work: "_Work[One]"
    ) -> list[tuple[Outcome, int | None]]:
        done = []
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            await self._lock(transaction, content_type, work)
            for place, item in enumerate(work.items):
                try:
                    result = await work.act(content_type, item, transaction)
                except Problem as problem:
                    raise _of_item(place, problem) from None
                if result is None:
                    raise overtaken()
                done.append(result)
        return done

    async def _separately(
        self, actor: Actor, type_name: str, work: "_Work[One]"
    ) -> list[tuple[Outcome, int | None]]:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        transaction = self._repository.database.ambient(actor.tenant_id)
        if transaction is not None:  # where each keeps its locks until all are done
            await self._lock(transaction, content_type, work)
        done: list[tuple[Outcome, int | None]] = []
        away: Unavailable | None = None
        for item in work.items:
            try:
                if away is not None:  # nobody waits for each of them
                    raise away
                done.append(await self._alone(actor, type_name, item, work.act))
            except Problem as problem:
                away = problem if isinstance(problem, Unavailable) else None
                done.append((Outcome.refused(_id(item), problem), None))
        return done

    async def _lock(
        self, transaction: Transaction, content_type: ContentType, work: "_Work[One]"
    ) -> None:
        ids = [known for item in work.items if (known := _id(item)) is not None]
        await self._repository.lock(transaction, content_type.id, ids, to_delete=work.to_delete)

    async def _alone(
        self, actor: Actor, type_name: str, item: One, act: Act[One]
    ) -> tuple[Outcome, int | None]:
        async def attempt() -> Done:
            content_type = await self._content_types.get(actor.tenant_id, type_name)
            return await act(content_type, item, None)

        return await until_current(attempt)


@dataclass(frozen=True)
class _Work(Generic[One]):
    items: Sequence[One]
    act: Act[One]
    atomic: bool
    to_delete: bool = False


def _id(item: Item | EntryContent | EntryChange) -> UUID | None:
    return None if isinstance(item, EntryContent) else item.id


def _seen(item: Item | EntryChange) -> Seen | None:
    return None if item.version is None else Seen(item.version)


def _ok(entry_id: UUID, version: int) -> Outcome:
    return Outcome(id=entry_id, status=200, version=version)


def _of_item(place: int, problem: Problem) -> Problem:
    pointer = f"/items/{place}"
    errors = tuple(
        FieldError(pointer + error.pointer, error.detail) for error in problem.errors
    ) or (FieldError(pointer, problem.detail),)
    return type(problem)(f"Nothing was done, because of one of the items: {problem.detail}", errors)
