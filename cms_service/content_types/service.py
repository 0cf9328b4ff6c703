from collections.abc import Callable, Sequence
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.content_types import change_run
from cms_service.content_types.changes import compare
from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.walk import localised_paths, types_referred_to
from cms_service.content_types.plans import Others, Plan, check_acknowledged
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.schemas import ContentType, Definition, NewContentType
from cms_service.content_types.sizes import MAX_HELD_BYTES, check_size, size_of
from cms_service.core.caching.lru import Weighed
from cms_service.core.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
)
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.core.postgres.bounded import Rows
from cms_service.core.postgres.redone import redone
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.visibility import reads
from cms_service.tenants.directory import TenantDirectory


class ContentTypeService:
    """Writes also answer with the tenant's new generation. `if_match`: the ETag, or the
    version alone, that the caller has seen; None where it does not care.

    Who changes a type holds it and asks for those that it refers to: two that refer to each other
    may be changed at once, so that a write is redone.
    """

    def __init__(
        self,
        repository: ContentTypeRepository,
        directory: TenantDirectory,
        clock: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._directory = directory
        self._clock = clock
        self._remembered: Weighed[tuple[UUID, str], ContentType] = Weighed(
            MAX_HELD_BYTES, lambda held: size_of(held.fields)
        )

    async def create(self, actor: Actor, new: NewContentType) -> tuple[ContentType, int]:
        check_size(new.fields)
        made, generation = await redone(lambda: self._create(actor, new))
        self._directory.note_write(actor.tenant_name, generation)
        return made, generation

    async def _create(self, actor: Actor, new: NewContentType) -> tuple[ContentType, int]:
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            await self._check_references(transaction, new.name, new.fields)
            return await self._repository.insert(
                transaction, new_id(), new.name, new.display_name, new.fields
            )

    async def get(self, tenant_id: UUID, name: str) -> ContentType:
        found = _found(await self._repository.get(tenant_id, name))
        # Localised fields depend on the locales as well, which have no version.
        if not localised_paths(found.fields):
            self._remember((tenant_id, name), found)
        return found

    def remembered(self, tenant_id: UUID, name: str) -> ContentType | None:
        """The type as it was at some time, for a write that checks its version. Whoever is refused
        because of it has to ask anew: it may have changed since, on any pod.
        """
        return self._remembered.get((tenant_id, name))

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> Rows[ContentType]:
        return await self._repository.page(tenant_id, limit, after)

    async def plan(self, actor: Actor, name: str, definition: Definition) -> Plan:
        """What `replace` would do."""
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            old = _found(await self._repository.get_in(transaction, name))
            check_size(definition.fields, old.fields)
            _check_may_look(actor, old, definition)
            missing = await self._missing_types(transaction, name, definition.fields)
            limited = await self._limited(transaction, old, definition)
            return await change_run.run(
                transaction, old, definition, Others(missing, limited), self._clock, write=False
            )

    async def replace(
        self,
        actor: Actor,
        name: str,
        definition: Definition,
        if_match: str | None,
        acknowledged: str | None,
    ) -> tuple[ContentType, int]:
        """Rewrites the entries as far as they need it. What loses or breaks content, or takes a
        field from the rules that name it, is done only where `acknowledged` is the id of the plan
        that says so.

        All of it is one transaction that holds the type: whoever writes an entry meanwhile, on
        any pod, waits, and is then checked against the new definition; readers go on with the
        old content until the new one shows all at once.
        """
        changed, generation = await redone(
            lambda: self._replace(actor, name, definition, if_match, acknowledged)
        )
        self._directory.note_write(actor.tenant_name, generation)
        return changed, generation

    async def _replace(
        self,
        actor: Actor,
        name: str,
        definition: Definition,
        if_match: str | None,
        acknowledged: str | None,
    ) -> tuple[ContentType, int]:
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            old = _found(await self._repository.lock(transaction, name))
            _check_seen(old, if_match)
            check_size(definition.fields, old.fields)
            await self._check_references(transaction, name, definition.fields)
            _check_may_look(actor, old, definition)
            limited = await self._limited(transaction, old, definition)
            plan = await change_run.run(
                transaction, old, definition, Others(limited=limited), self._clock, write=True
            )
            check_acknowledged(plan, acknowledged)
            return await self._repository.update(
                transaction, old.id, definition.display_name, definition.fields
            )

    async def delete(self, actor: Actor, name: str, if_match: str | None) -> int:
        generation = await redone(lambda: self._delete(actor, name, if_match))
        self._directory.note_write(actor.tenant_name, generation)
        return generation

    async def _delete(self, actor: Actor, name: str, if_match: str | None) -> int:
        async with self._repository.database.transaction(actor.tenant_id) as transaction:
            old = _found(await self._repository.lock(transaction, name))
            _check_seen(old, if_match)
            if await self._repository.has_entries(transaction, old.id):
                raise Conflict("The type has entries, or there are some in its bin.")
            if others := await self._repository.referring_types(transaction, old):
                raise Conflict(f"Fields of {', '.join(others)} may refer to the type.")
            return await self._repository.delete(transaction, old.id)

    def _remember(self, key: tuple[UUID, str], found: ContentType) -> None:
        known = self._remembered.get(key)
        if known is None or (known.id, known.version) != (found.id, found.version):
            self._remembered.put(key, found)

    async def _check_references(
        self, transaction: Transaction, name: str, fields: Sequence[BaseField]
    ) -> None:
        """Raises Invalid: a type may refer to itself and to those that are there."""
        if missing := await self._missing_types(transaction, name, fields):
            raise Invalid(
                "A field refers to a content type that does not exist.",
                tuple(
                    FieldError("/fields", f"there is no content type {other}") for other in missing
                ),
            )

    async def _limited(
        self, transaction: Transaction, old: ContentType, definition: Definition
    ) -> dict[str, list[str]]:
        """Whose rules name a field that loses its name, by that name."""
        renamed = {
            name: change.new.name if change.new else None
            for change in compare(old.fields, definition.fields)
            if (name := change.gives_up) is not None
        }
        return await self._repository.limited(transaction, old.name, renamed) if renamed else {}

    async def _missing_types(
        self, transaction: Transaction, name: str, fields: Sequence[BaseField]
    ) -> list[str]:
        """Those that are there stay until the transaction ends."""
        wanted = types_referred_to(fields) - {name}
        return (
            sorted(wanted - await self._repository.lock_named(transaction, wanted))
            if wanted
            else []
        )


def _check_seen(content_type: ContentType, if_match: str | None) -> None:
    version = f'"{content_type.version}"'
    if if_match in {None, version, content_type.etag}:
        return
    is_another = if_match is not None and if_match.startswith(f"{version[:-1]}-")
    by_now = "another one" if is_another else f"at version {content_type.version}"
    raise PreconditionFailed(f"The type is {by_now} by now.")


def _check_may_look(actor: Actor, old: ContentType, definition: Definition) -> None:
    """Raises Forbidden: which values fit a new definition tells what they are."""
    for change in compare(old.fields, definition.fields):
        looked_at = [change.old] if change.old else []
        if change.needs_a_look and not reads(actor, old, looked_at, own=False):
            place = f"{change.old.name} in every locale of " if change.old else ""
            raise Forbidden(
                f"The change of {change.name} looks at the entries of the type {old.name}, and"
                f" {actor.subject.name} may not read {place}all of them."
            )


def _found(content_type: ContentType | None) -> ContentType:
    if content_type is None:
        raise NotFound("There is no such content type.")
    return content_type
