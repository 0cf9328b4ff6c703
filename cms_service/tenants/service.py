from uuid import UUID

from cms_service.core.errors import NotFound
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.repository import TenantRepository
from cms_service.tenants.schemas import Tenant, TenantChange


class TenantService:
    def __init__(self, repository: TenantRepository, directory: TenantDirectory) -> None:
        self._repository = repository
        self._directory = directory

    async def get(self, tenant_id: UUID) -> Tenant:
        tenant = await self._repository.get(tenant_id)
        if tenant is None:
            raise _not_found()
        return tenant

    async def change(self, tenant_id: UUID, change: TenantChange) -> tuple[Tenant, int]:
        updated = await self._repository.update(
            tenant_id, change.display_name, change.delivery_access
        )
        if updated is None:
            raise _not_found()
        tenant, generation = updated
        self._directory.note_write(tenant.name, generation)
        return tenant, generation


def _not_found() -> NotFound:
    return NotFound("There is no such tenant.")
