from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from cms_service.api_keys.schemas import ApiKey, CreatedApiKey, NewApiKey
from cms_service.api_keys.service import ApiKeyService
from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import NO_STORE, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier
from cms_service.core.validation.schemas import Page

# Not one that keeps answers: a key is nowhere but with its holder.
router = APIRouter(
    prefix="/v1/tenants/{tenant}/api-keys", tags=["API keys"], route_class=StrictRoute
)
Service = Annotated[ApiKeyService, Depends(provide(ApiKeyService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_KEYS))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_KEYS))]


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached, headers=[NO_STORE])
async def create_api_key(
    body: NewApiKey, actor: Writer, service: Service, response: Response
) -> CreatedApiKey:
    """The key itself is in this answer and never again."""
    response.headers["Cache-Control"] = "no-store"
    return await service.create(actor, body)


@router.get("")
async def list_api_keys(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[ApiKey]:
    keys = await service.page(actor, limit + 1, after)
    return page_of(keys, limit, lambda key: (key.created_at, key.id))


@router.get("/{key_id}")
async def get_api_key(key_id: Identifier, actor: Reader, service: Service) -> ApiKey:
    return await service.get(actor, key_id)


@router.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
async def revoke_api_key(key_id: Identifier, actor: Writer, service: Service) -> None:
    """The key is refused on every pod within a second."""
    await service.revoke(actor, key_id)
