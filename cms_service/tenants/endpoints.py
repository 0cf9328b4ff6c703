from typing import Annotated

from fastapi import APIRouter, Depends, Response

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.generation import GENERATION, set_generation
from cms_service.core.errors import NotFound
from cms_service.idempotency.route import IdempotentRoute
from cms_service.tenants.schemas import Tenant, TenantChange
from cms_service.tenants.service import TenantService

router = APIRouter(prefix="/v1/tenants/{tenant}", tags=["tenants"], route_class=IdempotentRoute)
Service = Annotated[TenantService, Depends(provide(TenantService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TENANT))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_TENANT))]


@router.get("")
@answers(NotFound)
async def get_tenant(actor: Reader, service: Service) -> Tenant:
    return await service.get(actor.tenant_id)


@router.patch("")
@answers(NotFound, headers=[GENERATION])
async def change_tenant(
    body: TenantChange, actor: Writer, service: Service, response: Response
) -> Tenant:
    tenant, generation = await service.change(actor.tenant_id, body)
    set_generation(response, generation)
    return tenant
