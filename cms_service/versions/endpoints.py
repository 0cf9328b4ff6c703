# ruff: noqa: PLR0913, PLR0917 - FastAPI wants one parameter for each thing that a request says
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import Field

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.paths import TypePath
from cms_service.core.endpoints.answers import ETAG, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import LimitQuery
from cms_service.core.validation.exact import SPELLED_WHOLE, Identifier
from cms_service.core.validation.schemas import Page
from cms_service.entries.endpoints import tagged
from cms_service.entries.schemas import Entry
from cms_service.entries.seen import IfSeen
from cms_service.entries.target import Target
from cms_service.idempotency.route import IdempotentRoute
from cms_service.versions.schemas import Diff, Version, VersionSummary
from cms_service.versions.service import VersionService

_NEWEST = 999_999_999

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types/{type_name}/entries/{entry_id}/versions",
    tags=["versions"],
    route_class=IdempotentRoute,
)
Service = Annotated[VersionService, Depends(provide(VersionService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ENTRIES))]
Updater = Annotated[Actor, Depends(requires(Permission.UPDATE_ENTRIES))]
VersionPath = Annotated[int, Field(ge=1, le=_NEWEST), SPELLED_WHOLE, Path()]
VersionQuery = Annotated[int, Field(ge=1, le=_NEWEST), SPELLED_WHOLE, Query()]
Before = Annotated[
    Annotated[int, Field(ge=1, le=_NEWEST), SPELLED_WHOLE] | None,
    Query(description="`nextCursor` of the page before"),
]


@router.get("")
async def list_versions(
    type_name: TypePath,
    entry_id: Identifier,
    actor: Reader,
    service: Service,
    cursor: Before = None,
    limit: LimitQuery = 20,
) -> Page[VersionSummary]:
    """The versions of an entry, the newest first."""
    found = await service.page(actor, type_name, entry_id, limit + 1, cursor)
    more = len(found) > limit
    items = found[:limit]
    return Page(items=items, next_cursor=str(items[-1].version) if more else None)


@router.get("/diff")
async def compare_versions(
    type_name: TypePath,
    entry_id: Identifier,
    actor: Reader,
    service: Service,
    from_version: Annotated[VersionQuery, Query(alias="from")],
    to_version: Annotated[VersionQuery, Query(alias="to")],
) -> Diff:
    return await service.diff(actor, type_name, entry_id, from_version, to_version)


@router.get("/{version}")
async def get_version(
    type_name: TypePath, entry_id: Identifier, version: VersionPath, actor: Reader, service: Service
) -> Version:
    return await service.get(actor, type_name, entry_id, version)


@router.post("/{version}/restore")
@answers(LimitReached, headers=[ETAG])
async def restore_version(
    type_name: TypePath,
    entry_id: Identifier,
    version: VersionPath,
    if_seen: IfSeen,
    actor: Updater,
    service: Service,
    response: Response,
) -> Entry:
    """Saves the version as a new one of the draft; what is published stays."""
    entry = await service.restore(actor, Target(type_name, entry_id, if_seen), version)
    return tagged(response, entry)
