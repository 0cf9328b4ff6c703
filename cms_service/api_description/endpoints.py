from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response, status

from cms_service.api_description.service import MAX_TYPES, ApiDescription
from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.names import TYPE_NAME_PATTERN
from cms_service.core.endpoints.answers import AnswerHeader, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.if_none_match import IfNoneMatch, holds
from cms_service.core.endpoints.strict_route import StrictRoute

_TAGS: list[str | Enum] = ["API description"]
router = APIRouter(prefix="/openapi.json", tags=_TAGS, route_class=StrictRoute)
content_router = APIRouter(
    prefix="/v1/tenants/{tenant}/openapi.json", tags=_TAGS, route_class=StrictRoute
)
Service = Annotated[ApiDescription, Depends(provide(ApiDescription))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_TYPES))]

_NAME = TYPE_NAME_PATTERN[1:-1]
Types = Annotated[
    str | None,
    Query(
        pattern=rf"^{_NAME}(,{_NAME}){{0,{MAX_TYPES - 1}}}$",
        description="names of content types with commas between them; all where it is left out",
    ),
]

_ETAG = AnswerHeader("ETag", "Of the document", r'^"[0-9a-f]{32}"$')
_CACHE_CONTROL = AnswerHeader("Cache-Control", "Who may keep it, and how long", r"^.+$")
_RESULTS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "An OpenAPI 3.1 document",
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    304: {"description": "The document that is at hand is still the same"},
}


@router.get("", responses=_RESULTS)
@answers(headers=[_ETAG, _CACHE_CONTROL])
async def get_api_description(service: Service, if_none_match: IfNoneMatch = None) -> Response:
    """The document of all routes, of this one too."""
    document = await service.general()
    headers = {"ETag": document.etag, "Cache-Control": "public, max-age=300"}
    if _is_at_hand(document.etag, if_none_match):
        return _not_modified(headers)
    return _document(document.content, headers)


@content_router.get("", responses=_RESULTS)
@answers(headers=[_ETAG, _CACHE_CONTROL])
async def get_content_description(
    actor: Reader, service: Service, types: Types = None, if_none_match: IfNoneMatch = None
) -> Response:
    """The document of the tenant's content: the routes of its entries, with the fields of each
    content type.
    """
    content = await service.content(actor, None if types is None else types.split(","))
    headers = {"ETag": content.etag, "Cache-Control": "private, no-cache"}
    if _is_at_hand(content.etag, if_none_match):
        return _not_modified(headers)
    return _document(await service.of_content(content), headers)


def _is_at_hand(etag: str, if_none_match: str | None) -> bool:
    return holds(None if if_none_match is None else if_none_match.encode(), etag.encode())


def _not_modified(headers: Mapping[str, str]) -> Response:
    return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers=headers)


def _document(content: bytes, headers: Mapping[str, str]) -> Response:
    return Response(content, headers=headers, media_type="application/json")
