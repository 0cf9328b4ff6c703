"""What is done with entries, with the rights of who asks for it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import Completeness, Context, with_defaults
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.errors import Forbidden, Invalid, NotFound
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.core.postgres.bounded import Rows
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.attempts import check_seen, until_current
from cms_service.entries.drafts import Draft, Save
from cms_service.entries.listing import EntryCursor, Listing
from cms_service.entries.merge_patch import merged
from cms_service.entries.past import Past
from cms_service.entries.publication import BY_HAND, Occasion, Publication, Withdrawal
from cms_service.entries.references import ReferenceRepository
from cms_service.entries.repository import EntryRepository
from cms_service.entries.schemas import Entry, Referrer
from cms_service.entries.target import Target
from cms_service.entries.visibility import (
    about,
    declined,
    readers_own,
    reads_slug,
    referrer_shown,
    shown,
    written,
)
from cms_service.recycle_bin.schemas import BinnedEntry
from cms_service.tenants.directory import TenantDirectory
from cms_service.versions.schemas import Version


class EntryService:
    """What ends in `_once` is one attempt, in the caller's transaction where one is given. The
    others try again while other writes come in between.
    """

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
        if (known := self._content_types.remembered(actor.tenant_id, type_name)) is not None:
            with suppress(Invalid, Forbidden):
                if (entry := await self.create_once(actor, known, fields)) is not None:
                    return entry

        async def attempt() -> Entry | None:
            content_type = await self._content_types.get(actor.tenant_id, type_name)
            return await self.create_once(actor, content_type, fields)

        return await until_current(attempt)

    async def create_once(
        self,
        actor: Actor,
        content_type: ContentType,
        fields: Mapping[str, Any],
        within: Transaction | None = None,
    ) -> Entry | None:
        """None where the type was changed meanwhile."""
        values = written(actor, Permission.CREATE_ENTRIES, content_type, None, fields)
        context = Context(Completeness.DRAFT, content_type.locales)
        given = dict.fromkeys(declined(actor, content_type, fields, values)) | values
        begun = with_defaults(content_type.fields, given, context)
        draft = Draft.of(content_type, begun, Completeness.DRAFT)
        entry = await self._repository.insert(
            actor.tenant_id, new_id(), draft, Save("created"), within
        )
        return None if entry is None else shown(actor, content_type, entry)

    async def get(self, actor: Actor, type_name: str, entry_id: UUID) -> Entry:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        entry = await self.get_for(actor, Permission.READ_ENTRIES, type_name, entry_id)
        return shown(actor, content_type, entry)

    async def get_for(
        self,
        actor: Actor,
        permission: Permission,
        type_name: str,
        entry_id: UUID,
        within: Transaction | None = None,
    ) -> Entry:
        """The whole entry, for what asks for the permission. Raises NotFound and Forbidden: to who
        may not even read it, it is not there.
        """
        entry = await self._repository.get(actor.tenant_id, type_name, entry_id, within)
        if entry is None:
            raise _no_entry()
        resource = about(actor, type_name, entry)
        if not actor.may(permission, resource) and not actor.may(Permission.READ_ENTRIES, resource):
            raise _no_entry()
        actor.check(permission, resource)
        return entry

    async def page(
        self, actor: Actor, type_name: str, limit: int, wanted: Listing
    ) -> Rows[tuple[Entry, EntryCursor]]:
        """Each with the place after it."""
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        only_of = readers_own(actor, type_name)
        own = only_of is not None
        if wanted.tells_slugs and not reads_slug(actor, content_type, Resource(type_name, own=own)):
            raise Forbidden(f"{actor.subject.name} may not read the slugs of all these entries.")
        found = await self._repository.page(
            actor.tenant_id, content_type.id, limit, wanted, only_of
        )
        return found.map(lambda placed: (shown(actor, content_type, placed[0]), placed[1]))

    async def referrers(
        self, actor: Actor, type_name: str, entry_id: UUID, limit: int, after: Cursor | None
    ) -> list[Referrer]:
        await self.get(actor, type_name, entry_id)
        referrers = await self._references.page(actor.tenant_id, entry_id, limit, after)
        return [referrer_shown(actor, referrer) for referrer in referrers]

    async def update(self, actor: Actor, target: Target, fields: Mapping[str, Any]) -> Entry:
        return await self._save(actor, target, _Wanted(lambda *_: fields, Save()))

    async def patch(self, actor: Actor, target: Target, fields: Mapping[str, Any]) -> Entry:
        """Merges into the fields as the actor sees them when it is written."""

        async def attempt() -> Entry | None:
            content_type = await self._content_types.get(actor.tenant_id, target.type_name)
            return await self.patch_once(actor, content_type, target, fields)

        return await until_current(attempt)

    async def patch_once(
        self,
        actor: Actor,
        content_type: ContentType,
        target: Target,
        fields: Mapping[str, Any],
        within: Transaction | None = None,
    ) -> Entry | None:
        """None where the entry or its type was changed meanwhile."""

        def patched(content_type: ContentType, entry: Entry) -> dict[str, Any]:
            return merged(shown(actor, content_type, entry).fields, fields)

        return await self._save_once(
            actor, content_type, target, _Wanted(patched, Save(), left_out_on_purpose=True), within
        )

    async def bring_back(self, actor: Actor, target: Target, version: Version) -> Entry:
        """What an earlier version held as a new one. `version` is the whole of it."""

        def brought_back(content_type: ContentType, entry: Entry) -> Mapping[str, Any]:
            resource = about(actor, target.type_name, entry)
            past = Past(actor, content_type, resource, version.created_at)
            return past.brought_back(version.fields)

        save = Save("restored", version.version)
        return await self._save(
            actor, target, _Wanted(brought_back, save, left_out_on_purpose=True)
        )

    async def undelete(self, actor: Actor, type_name: str, binned: BinnedEntry) -> Entry | None:
        """None where it is no longer in the bin as it was. `binned` is the whole of it."""
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        resource = about(actor, type_name, binned)
        Past(actor, content_type, resource, binned.deleted_at).check_undelete(binned.fields)
        draft = Draft.of(content_type, binned.fields, Completeness.DRAFT)
        entry = await self._repository.undelete(
            actor.tenant_id, binned.id, binned.version, draft, Save("undeleted")
        )
        return None if entry is None else shown(actor, content_type, entry)

    async def publish(self, actor: Actor, target: Target) -> Publication:
        async def attempt() -> Publication | None:
            content_type = await self._content_types.get(actor.tenant_id, target.type_name)
            done = await self.publish_once(actor, content_type, target)
            if done is None:
                return None
            self._directory.note_write(actor.tenant_name, done.generation)
            return Publication(shown(actor, content_type, done.entry), done.generation)

        return await until_current(attempt)

    async def publish_once(
        self,
        actor: Actor,
        content_type: ContentType,
        target: Target,
        within: Transaction | None = None,
    ) -> Publication | None:
        """The whole entry; None where it or its type was changed meanwhile."""
        entry = await self._seen_for(actor, Permission.PUBLISH_ENTRIES, target, within)
        return await self.publish_unchecked(actor.tenant_id, content_type, entry, within)

    async def publish_unchecked(
        self,
        tenant_id: UUID,
        content_type: ContentType,
        entry: Entry,
        within: Transaction | None,
        occasion: Occasion = BY_HAND,
    ) -> Publication | None:
        """Asks for no permission: the caller has, for the entry as it is given here. Otherwise as
        `publish_once`.
        """
        draft = Draft.of(content_type, entry.fields, Completeness.PUBLISHED)
        return await self._repository.publish(tenant_id, entry, draft, within, occasion)

    async def unpublish(self, actor: Actor, target: Target) -> Withdrawal:
        content_type = await self._content_types.get(actor.tenant_id, target.type_name)
        done = await self.unpublish_once(actor, target)
        if done.generation is not None:
            self._directory.note_write(actor.tenant_name, done.generation)
        return Withdrawal(shown(actor, content_type, done.entry), done.generation)

    async def unpublish_once(
        self, actor: Actor, target: Target, within: Transaction | None = None
    ) -> Withdrawal:
        """The whole entry."""
        permission = Permission.PUBLISH_ENTRIES
        await self._seen_for(actor, permission, target, within)
        version = target.if_seen.version if target.if_seen else None
        generation = await self._repository.unpublish(
            actor.tenant_id, target.entry_id, version, within
        )
        entry = await self.get_for(actor, permission, target.type_name, target.entry_id, within)
        if generation is None:
            check_seen(entry, target.if_seen)
        return Withdrawal(entry, generation)

    async def delete(self, actor: Actor, target: Target, *, break_references: bool) -> int:
        """The tenant's new generation."""

        async def attempt() -> int | None:
            return await self.delete_once(actor, target, break_references=break_references)

        generation = await until_current(attempt)
        self._directory.note_write(actor.tenant_name, generation)
        return generation

    async def delete_once(
        self,
        actor: Actor,
        target: Target,
        within: Transaction | None = None,
        *,
        break_references: bool = False,
    ) -> int | None:
        """Refuses where published entries refer to it, unless these references may break. Returns
        the tenant's new generation, or None where the entry was changed meanwhile.
        """
        entry = await self._seen_for(actor, Permission.DELETE_ENTRIES, target, within)
        told = None if break_references else partial(referrer_shown, actor)
        return await self._repository.delete(actor.tenant_id, entry, told, within)

    async def _save(self, actor: Actor, target: Target, wanted: "_Wanted") -> Entry:
        async def attempt() -> Entry | None:
            content_type = await self._content_types.get(actor.tenant_id, target.type_name)
            return await self._save_once(actor, content_type, target, wanted)

        return await until_current(attempt)

    async def _save_once(
        self,
        actor: Actor,
        content_type: ContentType,
        target: Target,
        wanted: "_Wanted",
        within: Transaction | None = None,
    ) -> Entry | None:
        permission = Permission.UPDATE_ENTRIES
        before = await self._seen_for(actor, permission, target, within)
        values = written(
            actor,
            permission,
            content_type,
            before,
            wanted.fields_of(content_type, before),
            left_out_on_purpose=wanted.left_out_on_purpose,
        )
        draft = Draft.of(content_type, values, Completeness.DRAFT)
        entry = await self._repository.update(
            actor.tenant_id, target.entry_id, before.version, draft, wanted.save, within
        )
        return None if entry is None else shown(actor, content_type, entry)

    async def _seen_for(
        self,
        actor: Actor,
        permission: Permission,
        target: Target,
        within: Transaction | None = None,
    ) -> Entry:
        """The whole entry, as the caller has seen it. Raises PreconditionFailed besides."""
        entry = await self.get_for(actor, permission, target.type_name, target.entry_id, within)
        check_seen(entry, target.if_seen)
        return entry


@dataclass(frozen=True)
class _Wanted:
    """`fields_of` gets the type and the whole entry as they are when it is written."""

    fields_of: Callable[[ContentType, Entry], Mapping[str, Any]]
    save: Save
    left_out_on_purpose: bool = False


def _no_entry() -> NotFound:
    return NotFound("There is no such entry.")
