from functools import partial
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.errors import NotFound
from cms_service.core.paging.cursor import Cursor
from cms_service.core.postgres.bounded import Rows
from cms_service.entries.attempts import overtaken
from cms_service.entries.past import Past
from cms_service.entries.schemas import Entry
from cms_service.entries.service import EntryService
from cms_service.entries.visibility import about, readers_own
from cms_service.recycle_bin.repository import BinRepository
from cms_service.recycle_bin.schemas import BinnedEntry


class BinService:
    def __init__(
        self, repository: BinRepository, entries: EntryService, content_types: ContentTypeService
    ) -> None:
        self._repository = repository
        self._entries = entries
        self._content_types = content_types

    async def get(self, actor: Actor, type_name: str, entry_id: UUID) -> BinnedEntry:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        binned = await self._allowed(actor, Permission.READ_ENTRIES, type_name, entry_id)
        return _shown(actor, content_type, binned)

    async def page(
        self, actor: Actor, type_name: str, limit: int, after: Cursor | None
    ) -> Rows[BinnedEntry]:
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        only_of = readers_own(actor, type_name)
        found = await self._repository.page(actor.tenant_id, type_name, limit, after, only_of)
        return found.map(partial(_shown, actor, content_type))

    async def restore(self, actor: Actor, type_name: str, entry_id: UUID) -> Entry:
        """Makes a draft of it that fits the type as it is today. Who may delete it may bring it
        back.
        """
        binned = await self._allowed(actor, Permission.DELETE_ENTRIES, type_name, entry_id)
        entry = await self._entries.undelete(actor, type_name, binned)
        if entry is None:
            raise overtaken()
        return entry

    async def purge(self, actor: Actor, type_name: str, entry_id: UUID) -> None:
        await self._allowed(actor, Permission.PURGE_ENTRIES, type_name, entry_id)
        if not await self._repository.purge(actor.tenant_id, type_name, entry_id):
            raise _not_found()

    async def _allowed(
        self, actor: Actor, permission: Permission, type_name: str, entry_id: UUID
    ) -> BinnedEntry:
        """The whole of it. To who may not even read it, it is not there."""
        binned = await self._repository.get(actor.tenant_id, type_name, entry_id)
        if binned is None:
            raise _not_found()
        resource = about(actor, type_name, binned)
        if not actor.may(permission, resource) and not actor.may(Permission.READ_ENTRIES, resource):
            raise _not_found()
        actor.check(permission, resource)
        return binned


def _shown(actor: Actor, content_type: ContentType, binned: BinnedEntry) -> BinnedEntry:
    """What the type shows as it was when the entry was deleted: until then it changed along."""
    resource = about(actor, content_type.name, binned)
    past = Past(actor, content_type, resource, binned.deleted_at)
    return binned.model_copy(
        update={
            "fields": past.shown(binned.fields),
            "slug": binned.slug if past.reads_slug() else None,
        }
    )


def _not_found() -> NotFound:
    return NotFound("There is no such entry in the bin.")
