# ruff: noqa: PLR0913, PLR0917 - FastAPI wants one parameter for each thing that a request says
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.paths import TypePath
from cms_service.core.endpoints.answers import ETAG, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.generation import GENERATION, NEW_GENERATION, set_generation
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier, SpelledFlag
from cms_service.core.validation.schemas import Page
from cms_service.entries.listing import ListingQuery
from cms_service.entries.schemas import Entry, EntryContent, Referrer
from cms_service.entries.seen import IfSeen
from cms_service.entries.service import EntryService
from cms_service.entries.target import Target
from cms_service.idempotency.route import IdempotentRoute

router = APIRouter(
    prefix="/v1/tenants/{tenant}/content-types/{type_name}/entries",
    tags=["entries"],
    route_class=IdempotentRoute,
)
Service = Annotated[EntryService, Depends(provide(EntryService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_ENTRIES))]
Creator = Annotated[Actor, Depends(requires(Permission.CREATE_ENTRIES))]
Updater = Annotated[Actor, Depends(requires(Permission.UPDATE_ENTRIES))]
Deleter = Annotated[Actor, Depends(requires(Permission.DELETE_ENTRIES))]
Publisher = Annotated[Actor, Depends(requires(Permission.PUBLISH_ENTRIES))]


def tagged(response: Response, entry: Entry) -> Entry:
    response.headers["ETag"] = entry.etag
    return entry


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached, headers=[ETAG])
async def create_entry(
    type_name: TypePath, body: EntryContent, actor: Creator, service: Service, response: Response
) -> Entry:
    return tagged(response, await service.create(actor, type_name, body.fields))


@router.get("")
async def list_entries(
    type_name: TypePath,
    actor: Reader,
    service: Service,
    wanted: ListingQuery,
    limit: LimitQuery = 20,
) -> Page[Entry]:
    found = await service.page(actor, type_name, limit + 1, wanted)
    page = found.rows[:limit]
    has_more = found.is_cut or len(found.rows) > limit
    return Page(
        items=[entry for entry, _ in page],
        next_cursor=page[-1][1].encode() if has_more else None,
    )


@router.get("/{entry_id}")
@answers(headers=[ETAG])
async def get_entry(
    type_name: TypePath, entry_id: Identifier, actor: Reader, service: Service, response: Response
) -> Entry:
    return tagged(response, await service.get(actor, type_name, entry_id))


@router.put("/{entry_id}")
@answers(LimitReached, headers=[ETAG])
async def replace_entry(
    type_name: TypePath,
    entry_id: Identifier,
    body: EntryContent,
    if_seen: IfSeen,
    actor: Updater,
    service: Service,
    response: Response,
) -> Entry:
    entry = await service.update(actor, Target(type_name, entry_id, if_seen), body.fields)
    return tagged(response, entry)


@router.patch("/{entry_id}")
@answers(LimitReached, headers=[ETAG])
async def change_entry(
    type_name: TypePath,
    entry_id: Identifier,
    body: EntryContent,
    if_seen: IfSeen,
    actor: Updater,
    service: Service,
    response: Response,
) -> Entry:
    """`fields` is a JSON merge patch (RFC 7396): a null takes a field away."""
    entry = await service.patch(actor, Target(type_name, entry_id, if_seen), body.fields)
    return tagged(response, entry)


@router.delete("/{entry_id}", status_code=status.HTTP_204_NO_CONTENT)
@answers(headers=[GENERATION])
async def delete_entry(
    type_name: TypePath,
    entry_id: Identifier,
    if_seen: IfSeen,
    actor: Deleter,
    service: Service,
    response: Response,
    *,
    break_references: Annotated[
        SpelledFlag,
        Query(alias="breakReferences", description="although published entries refer to it"),
    ] = False,
) -> None:
    generation = await service.delete(
        actor, Target(type_name, entry_id, if_seen), break_references=break_references
    )
    set_generation(response, generation)


@router.get("/{entry_id}/referrers")
async def list_referrers(
    type_name: TypePath,
    entry_id: Identifier,
    actor: Reader,
    service: Service,
    after: After,
    limit: LimitQuery = 20,
) -> Page[Referrer]:
    """The entries that refer to this one."""
    referrers = await service.referrers(actor, type_name, entry_id, limit + 1, after)
    return page_of(referrers, limit, lambda referrer: (referrer.created_at, referrer.id))


@router.post("/{entry_id}/publish")
@answers(LimitReached, headers=[ETAG, GENERATION])
async def publish_entry(
    type_name: TypePath,
    entry_id: Identifier,
    if_seen: IfSeen,
    actor: Publisher,
    service: Service,
    response: Response,
) -> Entry:
    published = await service.publish(actor, Target(type_name, entry_id, if_seen))
    set_generation(response, published.generation)
    return tagged(response, published.entry)


@router.post("/{entry_id}/unpublish")
@answers(headers=[ETAG, NEW_GENERATION])
async def unpublish_entry(
    type_name: TypePath,
    entry_id: Identifier,
    if_seen: IfSeen,
    actor: Publisher,
    service: Service,
    response: Response,
) -> Entry:
    withdrawn = await service.unpublish(actor, Target(type_name, entry_id, if_seen))
    if withdrawn.generation is not None:
        set_generation(response, withdrawn.generation)
    return tagged(response, withdrawn.entry)
