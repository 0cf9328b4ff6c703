from typing import Annotated

from fastapi import APIRouter, Depends

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.limits.repository import LimitRepository
from cms_service.limits.schemas import Usage

router = APIRouter(prefix="/v1/tenants/{tenant}/usage", tags=["limits"], route_class=StrictRoute)
Reader = Annotated[Actor, Depends(requires(Permission.READ_TENANT))]


@router.get("")
async def get_usage(
    actor: Reader, limits: Annotated[LimitRepository, Depends(provide(LimitRepository))]
) -> Usage:
    """What the tenant has and may have. Its limits are changed by who runs the deployment."""
    return await limits.usage(actor.tenant_id)
