from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.generation import GENERATION, set_generation
from cms_service.core.errors import NotFound
from cms_service.core.validation.exact import SpelledFlag
from cms_service.idempotency.route import IdempotentRoute
from cms_service.locales.schemas import Locales
from cms_service.locales.service import LocaleService

router = APIRouter(
    prefix="/v1/tenants/{tenant}/locales", tags=["locales"], route_class=IdempotentRoute
)
Service = Annotated[LocaleService, Depends(provide(LocaleService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TENANT))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_TENANT))]


@router.get("")
@answers(NotFound)
async def get_locales(actor: Reader, service: Service) -> Locales:
    return await service.get(actor.tenant_id)


@router.put("")
@answers(headers=[GENERATION])
async def replace_locales(
    body: Locales,
    actor: Writer,
    service: Service,
    response: Response,
    *,
    break_fallbacks: Annotated[
        SpelledFlag,
        Query(
            alias="breakFallbacks",
            description="although fields without a value in the new default locale become empty",
        ),
    ] = False,
) -> Locales:
    locales, generation = await service.replace(actor, body, break_fallbacks=break_fallbacks)
    set_generation(response, generation)
    return locales
