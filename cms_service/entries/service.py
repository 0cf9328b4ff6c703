from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import (
    Completeness,
    Context,
    accept_all,
    slug_of,
    with_defaults,
)
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.cursor import Cursor
from cms_service.core.errors import OVERTAKEN, Conflict, Invalid, NotFound, PreconditionFailed
from cms_service.core.ids import new_id
from cms_service.entries.references import ReferenceRepository
from cms_service.entries.repository import Draft, EntryRepository
from cms_service.entries.schemas import Entry, Referrer
from cms_service.entries.visibility import about, referrer_shown, shown, written
from cms_service.tenants.directory import TenantDirectory

# How often a write begins anew when another one came between its reading and its writing.
_ATTEMPTS = 3


class EntryService:
    """`if_version`: the version that the caller has seen; None where it does not care."""

    def __init__(
        self,
        repository: EntryRepository,
        references: ReferenceRepository,
        content_types: ContentTypeService,
        directory: TenantDirectory,
    ) -> None:
        self._repository = repository
        self._references = references
        self._content_types = content_types
        self._directory = directory

    async def create(self, actor: Actor, type_name: str, fields: Mapping[str, Any]) -> Entry:
        for _ in range(_ATTEMPTS):
            content_type = await self._content_types.get(actor.tenant_id, type_name)
            values = written(actor, Permission.CREATE_ENTRIES, content_type, None, fields)
            context = Context(Completeness.DRAFT, content_type.locales)
            begun = with_defaults(content_type.fields, values, context)
            draft = _draft(content_type, begun, Completeness.DRAFT)
            entry = await self._repository.insert(actor.tenant_id, new_id(), draft, actor.user_id)
            if entry is not None:
                return shown(actor, content_type, entry)
        raise _overtaken()

    async def get(self, actor: Actor, type_name: str, entry_id: UUID) -> Entry:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        entry = await self._allowed(actor, Permission.READ_ENTRIES, type_name, entry_id)
        return shown(actor, content_type, entry)

    async def page(
        self, actor: Actor, type_name: str, limit: int, after: Cursor | None
    ) -> list[Entry]:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        others = Resource(type_name, own=False)
        only_of = None if actor.may(Permission.READ_ENTRIES, others) else actor.user_id
        if only_of is None:
            actor.check(Permission.READ_ENTRIES, others)  # of a key, which owns nothing
        entries = await self._repository.page(
            actor.tenant_id, content_type.id, limit, after, only_of
        )
        return [shown(actor, content_type, entry) for entry in entries]

    async def referrers(
        self, actor: Actor, type_name: str, entry_id: UUID, limit: int, after: Cursor | None
    ) -> list[Referrer]:
        await self.get(actor, type_name, entry_id)
        referrers = await self._references.page(actor.tenant_id, entry_id, limit, after)
        return [referrer_shown(actor, referrer) for referrer in referrers]

    async def update(
        self,
        actor: Actor,
        type_name: str,
        entry_id: UUID,
        fields: Mapping[str, Any],
        if_version: int | None,
    ) -> Entry:
        for _ in range(_ATTEMPTS):
            content_type = await self._content_types.get(actor.tenant_id, type_name)
            old = await self._allowed(actor, Permission.UPDATE_ENTRIES, type_name, entry_id)
            _check_version(old, if_version)
            values = written(actor, Permission.UPDATE_ENTRIES, content_type, old, fields)
            draft = _draft(content_type, values, Completeness.DRAFT)
            entry = await self._repository.update(
                actor.tenant_id, entry_id, old.version, draft, actor.user_id
            )
            if entry is not None:
                return shown(actor, content_type, entry)
        raise _overtaken()

    async def publish(
        self, actor: Actor, type_name: str, entry_id: UUID, if_version: int | None
    ) -> tuple[Entry, int]:
        """The entry and the tenant's new generation."""
        for _ in range(_ATTEMPTS):
            content_type = await self._content_types.get(actor.tenant_id, type_name)
            entry = await self._allowed(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
            _check_version(entry, if_version)
            draft = _draft(content_type, entry.fields, Completeness.PUBLISHED)
            done = await self._repository.publish(actor.tenant_id, entry_id, entry.version, draft)
            if done is not None:
                published, generation = done
                self._directory.note_write(actor.tenant_name, generation)
                return shown(actor, content_type, published), generation
        raise _overtaken()

    async def unpublish(
        self, actor: Actor, type_name: str, entry_id: UUID
    ) -> tuple[Entry, int | None]:
        """The entry, and the tenant's new generation if this has changed it."""
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        await self._allowed(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
        generation = await self._repository.unpublish(actor.tenant_id, entry_id)
        if generation is not None:
            self._directory.note_write(actor.tenant_name, generation)
        entry = await self._allowed(actor, Permission.PUBLISH_ENTRIES, type_name, entry_id)
        return shown(actor, content_type, entry), generation

    async def delete(
        self,
        actor: Actor,
        type_name: str,
        entry_id: UUID,
        if_version: int | None,
        *,
        break_references: bool,
    ) -> int:
        """The tenant's new generation."""
        for _ in range(_ATTEMPTS):
            entry = await self._allowed(actor, Permission.DELETE_ENTRIES, type_name, entry_id)
            _check_version(entry, if_version)
            generation = await self._repository.delete(
                actor.tenant_id, entry_id, entry.version, break_references=break_references
            )
            if generation is not None:
                self._directory.note_write(actor.tenant_name, generation)
                return generation
        raise _overtaken()

    async def _allowed(
        self, actor: Actor, permission: Permission, type_name: str, entry_id: UUID
    ) -> Entry:
        """The whole entry. To who may not even read it, it is not there."""
        entry = await self._repository.get(actor.tenant_id, type_name, entry_id)
        if entry is None:
            raise _no_entry()
        resource = about(actor, type_name, entry)
        if not actor.may(permission, resource) and not actor.may(Permission.READ_ENTRIES, resource):
            raise _no_entry()
        actor.check(permission, resource)
        return entry


def _draft(
    content_type: ContentType, values: Mapping[str, Any], completeness: Completeness
) -> Draft:
    context = Context(completeness, content_type.locales)
    accepted, errors = accept_all(content_type.fields, values, context)
    if errors:
        raise Invalid(f"The fields do not fit the type {content_type.name}.", errors)
    return Draft(content_type, accepted, slug_of(content_type.fields, accepted))


def _check_version(entry: Entry, if_version: int | None) -> None:
    if if_version is not None and entry.version != if_version:
        raise PreconditionFailed(f"The entry is at version {entry.version} by now.")


def _no_entry() -> NotFound:
    return NotFound("There is no such entry.")


def _overtaken() -> Conflict:
    return Conflict(OVERTAKEN)
