from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from cms_service.auth.access import requires
from cms_service.auth.permissions import Permission
from cms_service.auth.tokens import Actor
from cms_service.content_types.paths import TypePath
from cms_service.content_types.schemas import ContentType, Definition, NewContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.dependencies import provide
from cms_service.core.generation import set_generation
from cms_service.core.paging import After, LimitQuery, page_of
from cms_service.core.schemas import Page
from cms_service.idempotency.route import IdempotentRoute

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types", tags=["content types"], route_class=IdempotentRoute
)
Service = Annotated[ContentTypeService, Depends(provide(ContentTypeService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TYPES))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_TYPES))]


@router.post("", status_code=status.HTTP_201_CREATED)
async def create_content_type(body: NewContentType, actor: Writer, service: Service) -> ContentType:
    return await service.create(actor.tenant_id, body)


@router.get("")
async def list_content_types(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[ContentType]:
    types = await service.page(actor.tenant_id, limit + 1, after)
    return page_of(types, limit, lambda content_type: (content_type.created_at, content_type.id))


@router.get("/{type_name}")
async def get_content_type(type_name: TypePath, actor: Reader, service: Service) -> ContentType:
    return await service.get(actor.tenant_id, type_name)


@router.put("/{type_name}")
async def replace_content_type(
    type_name: TypePath, body: Definition, actor: Writer, service: Service
) -> ContentType:
    """Refused where the change would make entries wrong that are there."""
    return await service.replace(actor.tenant_id, type_name, body)


@router.delete("/{type_name}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_content_type(
    type_name: TypePath, actor: Writer, service: Service, response: Response
) -> None:
    set_generation(response, await service.delete(actor, type_name))
