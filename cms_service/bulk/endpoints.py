from typing import Annotated

from fastapi import APIRouter, Depends, Response

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.bulk.schemas import Deletion, EntryChanges, NewEntries, Outcomes, Selection
from cms_service.bulk.service import BulkService
from cms_service.content_types.paths import TypePath
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.generation import NEW_GENERATION, set_generation
from cms_service.core.errors import LimitReached, PreconditionFailed
from cms_service.idempotency.route import IdempotentRoute

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types/{type_name}/bulk",
    tags=["bulk"],
    route_class=IdempotentRoute,
)
Service = Annotated[BulkService, Depends(provide(BulkService))]
Creator = Annotated[Actor, Depends(requires(Permission.CREATE_ENTRIES))]
Updater = Annotated[Actor, Depends(requires(Permission.UPDATE_ENTRIES))]
Deleter = Annotated[Actor, Depends(requires(Permission.DELETE_ENTRIES))]
Publisher = Annotated[Actor, Depends(requires(Permission.PUBLISH_ENTRIES))]


def _answer(response: Response, done: tuple[Outcomes, int | None]) -> Outcomes:
    outcomes, generation = done
    if generation is not None:
        set_generation(response, generation)
    return outcomes


@router.post("/create")
@answers(LimitReached)
async def create_entries(
    type_name: TypePath, body: NewEntries, actor: Creator, service: Service
) -> Outcomes:
    outcomes, _ = await service.create(actor, type_name, body)
    return outcomes


@router.post("/update")
@answers(LimitReached, PreconditionFailed)
async def change_entries(
    type_name: TypePath, body: EntryChanges, actor: Updater, service: Service
) -> Outcomes:
    outcomes, _ = await service.update(actor, type_name, body)
    return outcomes


@router.post("/publish")
@answers(LimitReached, PreconditionFailed, headers=[NEW_GENERATION])
async def publish_entries(
    type_name: TypePath, body: Selection, actor: Publisher, service: Service, response: Response
) -> Outcomes:
    return _answer(response, await service.publish(actor, type_name, body))


@router.post("/unpublish")
@answers(PreconditionFailed, headers=[NEW_GENERATION])
async def unpublish_entries(
    type_name: TypePath, body: Selection, actor: Publisher, service: Service, response: Response
) -> Outcomes:
    return _answer(response, await service.unpublish(actor, type_name, body))


@router.post("/delete")
@answers(PreconditionFailed, headers=[NEW_GENERATION])
async def delete_entries(
    type_name: TypePath, body: Deletion, actor: Deleter, service: Service, response: Response
) -> Outcomes:
    """Moves the entries to the bin."""
    return _answer(response, await service.delete(actor, type_name, body))
