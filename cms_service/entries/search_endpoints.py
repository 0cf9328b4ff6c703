from typing import Annotated

from fastapi import APIRouter, Depends, Query

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.core.paging.pages import LimitQuery
from cms_service.entries.schemas import FoundEntries
from cms_service.entries.search import EntrySearch

router = APIRouter(prefix="/v1/tenants/{tenant}/search", tags=["search"], route_class=StrictRoute)
Service = Annotated[EntrySearch, Depends(provide(EntrySearch))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ENTRIES))]
Words = Annotated[
    str,
    Query(
        min_length=1,
        max_length=500,
        pattern=r"^[^\x00]+$",
        description='words, "a phrase", `or`, and -word for one that must not be there',
    ),
]
TypeQuery = Annotated[str | None, Query(pattern=TYPE_NAME_PATTERN)]


@router.get("")
async def search_entries(
    q: Words,
    actor: Reader,
    service: Service,
    type_name: Annotated[TypeQuery, Query(alias="type")] = None,
    limit: LimitQuery = 20,
) -> FoundEntries:
    """Searches the texts of drafts. The best finds come first, at most `limit` of them."""
    return FoundEntries(items=await service.search(actor, q, type_name, limit))
