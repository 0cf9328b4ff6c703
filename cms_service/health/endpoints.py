from typing import Annotated

from fastapi import APIRouter, Depends

from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.health.schemas import Health
from cms_service.health.service import HealthService

ROUTE = "/health"

router = APIRouter(tags=["health"], route_class=StrictRoute)


@router.get(ROUTE)
async def health(service: Annotated[HealthService, Depends(provide(HealthService))]) -> Health:
    """Answers 200 also when something is away: published content is still served then."""
    return await service.check()
