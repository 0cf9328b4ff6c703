from uuid import UUID

from cms_service.auth.tokens import Actor
from cms_service.content_types.changes import breaking_changes
from cms_service.content_types.repository import ContentTypeRepository
from cms_service.content_types.schemas import ContentType, Definition, NewContentType
from cms_service.core.cursor import Cursor
from cms_service.core.errors import Conflict, NotFound
from cms_service.core.ids import new_id
from cms_service.tenants.directory import TenantDirectory


class ContentTypeService:
    def __init__(self, repository: ContentTypeRepository, directory: TenantDirectory) -> None:
        self._repository = repository
        self._directory = directory

    async def create(self, tenant_id: UUID, new: NewContentType) -> ContentType:
        return await self._repository.insert(
            tenant_id, new_id(), new.name, new.display_name, new.fields
        )

    async def get(self, tenant_id: UUID, name: str) -> ContentType:
        return _found(await self._repository.get(tenant_id, name))

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[ContentType]:
        return await self._repository.page(tenant_id, limit, after)

    async def replace(self, tenant_id: UUID, name: str, definition: Definition) -> ContentType:
        """A type with entries takes only changes that leave every entry right."""
        async with self._repository.database.transaction(tenant_id) as scope:
            old = _found(await self._repository.lock(scope, name))
            reasons = breaking_changes(old.fields, definition.fields)
            if reasons and await self._repository.has_entries(scope, old.id):
                raise Conflict(f"The type has entries: {'; '.join(reasons)}."[:1000])
            return await self._repository.update(
                scope, old.id, definition.display_name, definition.fields
            )

    async def delete(self, actor: Actor, name: str) -> int:
        """The tenant's new generation."""
        async with self._repository.database.transaction(actor.tenant_id) as scope:
            old = _found(await self._repository.lock(scope, name))
            if await self._repository.has_entries(scope, old.id):
                raise Conflict("The type has entries.")
            generation = await self._repository.delete(scope, old.id)
        self._directory.note_write(actor.tenant_name, generation)
        return generation


def _found(content_type: ContentType | None) -> ContentType:
    if content_type is None:
        raise NotFound("There is no such content type.")
    return content_type
