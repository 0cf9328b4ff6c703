from typing import Annotated

from fastapi import APIRouter, Depends, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier
from cms_service.core.validation.schemas import Page
from cms_service.hosts.schemas import Host, NewHost
from cms_service.hosts.service import HostService
from cms_service.idempotency.route import IdempotentRoute

router = APIRouter(
    prefix="/v1/tenants/{tenant}/hosts", tags=["host names"], route_class=IdempotentRoute
)
Service = Annotated[HostService, Depends(provide(HostService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TENANT))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_TENANT))]


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached)
async def create_host(body: NewHost, actor: Writer, service: Service) -> Host:
    """Requests with this Host reach the tenant on every pod within a second."""
    return await service.create(actor, body.host)


@router.get("")
async def list_hosts(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[Host]:
    hosts = await service.page(actor, limit + 1, after)
    return page_of(hosts, limit, lambda host: (host.created_at, host.id))


@router.get("/{host_id}")
async def get_host(host_id: Identifier, actor: Reader, service: Service) -> Host:
    return await service.get(actor, host_id)


@router.delete("/{host_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_host(host_id: Identifier, actor: Writer, service: Service) -> None:
    await service.delete(actor, host_id)
