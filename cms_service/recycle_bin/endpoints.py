from typing import Annotated

from fastapi import APIRouter, Depends, Response, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.paths import TypePath
from cms_service.core.endpoints.answers import ETAG, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier
from cms_service.core.validation.schemas import Page
from cms_service.entries.endpoints import tagged
from cms_service.entries.schemas import Entry
from cms_service.idempotency.route import IdempotentRoute
from cms_service.recycle_bin.schemas import BinnedEntry
from cms_service.recycle_bin.service import BinService

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types/{type_name}/bin",
    tags=["bin"],
    route_class=IdempotentRoute,
)
Service = Annotated[BinService, Depends(provide(BinService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ENTRIES))]
Deleter = Annotated[Actor, Depends(requires(Permission.DELETE_ENTRIES))]
Purger = Annotated[Actor, Depends(requires(Permission.PURGE_ENTRIES))]


@router.get("")
async def list_bin(
    type_name: TypePath, actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[BinnedEntry]:
    """Deleted entries, the last one first."""
    found = await service.page(actor, type_name, limit + 1, after)
    return page_of(
        found.rows, limit, lambda entry: (entry.deleted_at, entry.id), is_cut=found.is_cut
    )


@router.get("/{entry_id}")
async def get_binned_entry(
    type_name: TypePath, entry_id: Identifier, actor: Reader, service: Service
) -> BinnedEntry:
    return await service.get(actor, type_name, entry_id)


@router.post("/{entry_id}/restore")
@answers(LimitReached, headers=[ETAG])
async def restore_binned_entry(
    type_name: TypePath, entry_id: Identifier, actor: Deleter, service: Service, response: Response
) -> Entry:
    """Restores the entry as a draft; it is not published again."""
    return tagged(response, await service.restore(actor, type_name, entry_id))


@router.delete("/{entry_id}", status_code=status.HTTP_204_NO_CONTENT)
async def purge_entry(
    type_name: TypePath, entry_id: Identifier, actor: Purger, service: Service
) -> None:
    """Deletes the entry and all its versions for good."""
    await service.purge(actor, type_name, entry_id)
