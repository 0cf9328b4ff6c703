from typing import Annotated

from fastapi import APIRouter, Depends, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.paths import TypePath
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.validation.exact import Identifier
from cms_service.idempotency.route import IdempotentRoute
from cms_service.schedules.schemas import NewSchedule, Schedule
from cms_service.schedules.service import ScheduleService

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types/{type_name}/entries/{entry_id}/schedule",
    tags=["schedules"],
    route_class=IdempotentRoute,
)
Service = Annotated[ScheduleService, Depends(provide(ScheduleService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ENTRIES))]
Publisher = Annotated[Actor, Depends(requires(Permission.PUBLISH_ENTRIES))]


@router.get("")
async def get_schedule(
    type_name: TypePath, entry_id: Identifier, actor: Reader, service: Service
) -> Schedule:
    """What is still to be done, and what could not be done."""
    return await service.get(actor, type_name, entry_id)


@router.put("")
async def replace_schedule(
    type_name: TypePath, entry_id: Identifier, body: NewSchedule, actor: Publisher, service: Service
) -> Schedule:
    """Plans when the draft, as it is by then, is published, and when the entry is unpublished."""
    return await service.put(actor, type_name, entry_id, body)


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def delete_schedule(
    type_name: TypePath, entry_id: Identifier, actor: Publisher, service: Service
) -> None:
    await service.delete(actor, type_name, entry_id)
