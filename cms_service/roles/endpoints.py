from typing import Annotated

from fastapi import APIRouter, Depends, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.schemas import Page
from cms_service.idempotency.route import IdempotentRoute
from cms_service.roles.names import RolePath
from cms_service.roles.schemas import CustomRole, NewRole, RoleDefinition
from cms_service.roles.service import RoleService

router = APIRouter(prefix="/v1/tenants/{tenant}/roles", tags=["roles"], route_class=IdempotentRoute)
Service = Annotated[RoleService, Depends(provide(RoleService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ROLES))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_ROLES))]


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached)
async def create_role(body: NewRole, actor: Writer, service: Service) -> CustomRole:
    return await service.create(actor, body)


@router.get("")
async def list_roles(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[CustomRole]:
    """The tenant's own roles, beside the built-in owner, admin, editor, author and viewer."""
    roles = await service.page(actor, limit + 1, after)
    return page_of(roles, limit, lambda role: (role.created_at, role.id))


@router.get("/{role_name}")
async def get_role(role_name: RolePath, actor: Reader, service: Service) -> CustomRole:
    return await service.get(actor, role_name)


@router.put("/{role_name}")
async def replace_role(
    role_name: RolePath, body: RoleDefinition, actor: Writer, service: Service
) -> CustomRole:
    """The change takes effect on every pod within a second."""
    return await service.replace(actor, role_name, body)


@router.delete("/{role_name}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_role(role_name: RolePath, actor: Writer, service: Service) -> None:
    """Refused while a user or an API key has the role."""
    await service.delete(actor, role_name)
