# ruff: noqa: PLR0913, PLR0917 - FastAPI wants one parameter for each thing that a request says
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.paths import TypePath
from cms_service.content_types.plans import PLAN_ID_PATTERN, Plan
from cms_service.content_types.schemas import ContentType, Definition, NewContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.endpoints.answers import ETAG, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.generation import GENERATION, set_generation
from cms_service.core.endpoints.if_match import IfMatch
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.schemas import Page
from cms_service.idempotency.route import IdempotentRoute

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types", tags=["content types"], route_class=IdempotentRoute
)
Service = Annotated[ContentTypeService, Depends(provide(ContentTypeService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TYPES))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_TYPES))]


def _tagged(response: Response, content_type: ContentType) -> ContentType:
    response.headers["ETag"] = content_type.etag
    return content_type


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached, headers=[ETAG, GENERATION])
async def create_content_type(
    body: NewContentType, actor: Writer, service: Service, response: Response
) -> ContentType:
    made, generation = await service.create(actor, body)
    set_generation(response, generation)
    return _tagged(response, made)


@router.get("")
async def list_content_types(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[ContentType]:
    """A page holds fewer than `limit` types where they are large."""
    found = await service.page(actor.tenant_id, limit + 1, after)
    return page_of(found.rows, limit, lambda each: (each.created_at, each.id), is_cut=found.is_cut)


@router.get("/{type_name}")
@answers(headers=[ETAG])
async def get_content_type(
    type_name: TypePath, actor: Reader, service: Service, response: Response
) -> ContentType:
    return _tagged(response, await service.get(actor.tenant_id, type_name))


@router.post("/{type_name}/plan")
async def plan_change(
    type_name: TypePath, body: Definition, actor: Writer, service: Service
) -> Plan:
    """Tells what replacing the type's definition would do. Nothing is changed."""
    return await service.plan(actor, type_name, body)


@router.put("/{type_name}")
@answers(LimitReached, headers=[ETAG, GENERATION])
async def replace_content_type(
    type_name: TypePath,
    body: Definition,
    if_match: IfMatch,
    actor: Writer,
    service: Service,
    response: Response,
    acknowledge: Annotated[
        str | None,
        Query(pattern=PLAN_ID_PATTERN, description="the id of a plan that loses or breaks content"),
    ] = None,
) -> ContentType:
    """Rewrites entries where they need it. Refused where content would be lost or broken and
    the plan is not acknowledged.
    """
    changed, generation = await service.replace(actor, type_name, body, if_match, acknowledge)
    set_generation(response, generation)
    return _tagged(response, changed)


@router.delete("/{type_name}", status_code=status.HTTP_204_NO_CONTENT)
@answers(headers=[GENERATION])
async def delete_content_type(
    type_name: TypePath,
    if_match: IfMatch,
    actor: Writer,
    service: Service,
    response: Response,
) -> None:
    set_generation(response, await service.delete(actor, type_name, if_match))
