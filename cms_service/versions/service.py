from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.errors import NotFound
from cms_service.entries.past import Past
from cms_service.entries.schemas import Entry
from cms_service.entries.service import EntryService
from cms_service.entries.target import Target
from cms_service.entries.visibility import about
from cms_service.versions.diff import changes
from cms_service.versions.repository import VersionRepository
from cms_service.versions.schemas import Diff, Version, VersionSummary

_MAX_CHANGES = 500


class VersionService:
    """The actor sees of each version what they would see of the entry."""

    def __init__(
        self,
        repository: VersionRepository,
        entries: EntryService,
        content_types: ContentTypeService,
    ) -> None:
        self._repository = repository
        self._entries = entries
        self._content_types = content_types

    async def page(
        self, actor: Actor, type_name: str, entry_id: UUID, limit: int, before: int | None
    ) -> list[VersionSummary]:
        view = await self._view(actor, type_name, entry_id)
        versions = await self._repository.page(actor.tenant_id, entry_id, limit, before)
        return [view.summary(version) for version in versions]

    async def get(self, actor: Actor, type_name: str, entry_id: UUID, version: int) -> Version:
        view = await self._view(actor, type_name, entry_id)
        return view.version(await self._find(actor, entry_id, version))

    async def diff(
        self, actor: Actor, type_name: str, entry_id: UUID, from_version: int, to_version: int
    ) -> Diff:
        view = await self._view(actor, type_name, entry_id)
        before = view.version(await self._find(actor, entry_id, from_version))
        after = view.version(await self._find(actor, entry_id, to_version))
        found = list(islice(changes(before.fields, after.fields), _MAX_CHANGES + 1))
        return Diff(
            from_version=from_version,
            to_version=to_version,
            changes=found[:_MAX_CHANGES],
            complete=len(found) <= _MAX_CHANGES,
        )

    async def restore(self, actor: Actor, target: Target, version: int) -> Entry:
        """Makes a new version of the draft of it, which fits the type as it is today."""
        await self._entries.get_for(
            actor, Permission.READ_ENTRIES, target.type_name, target.entry_id
        )
        found = await self._find(actor, target.entry_id, version)
        return await self._entries.bring_back(actor, target, found)

    async def _view(self, actor: Actor, type_name: str, entry_id: UUID) -> "_View":
        content_type = await self._content_types.get(actor.tenant_id, type_name)
        entry = await self._entries.get_for(actor, Permission.READ_ENTRIES, type_name, entry_id)
        return _View(actor, content_type, about(actor, type_name, entry))

    async def _find(self, actor: Actor, entry_id: UUID, version: int) -> Version:
        """The whole of it."""
        found = await self._repository.get(actor.tenant_id, entry_id, version)
        if found is None:
            raise NotFound(f"The entry has no version {version}, or it is no longer kept.")
        return found


@dataclass(frozen=True)
class _View:
    actor: Actor
    content_type: ContentType
    resource: Resource

    def summary(self, version: VersionSummary) -> VersionSummary:
        if self._past(version).reads_slug():
            return version
        return version.model_copy(update={"slug": None})

    def version(self, version: Version) -> Version:
        fields = self._past(version).shown(version.fields)
        return version.model_copy(update={"fields": fields, "slug": self.summary(version).slug})

    def _past(self, version: VersionSummary) -> Past:
        return Past(self.actor, self.content_type, self.resource, version.created_at)
