"""Lists are newest first, bounded, and continued by a cursor."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import Field

from cms_service.core.errors import BadRequest
from cms_service.core.paging.cursor import CURSOR_PATTERN, Cursor
from cms_service.core.validation.exact import SPELLED_WHOLE
from cms_service.core.validation.schemas import Page

Item = TypeVar("Item")

MAX_LIMIT = 100

LimitQuery = Annotated[int, Field(ge=1, le=MAX_LIMIT), SPELLED_WHOLE, Query()]


async def _decoded(
    cursor: Annotated[
        str | None, Query(pattern=CURSOR_PATTERN, description="`nextCursor` of the page before")
    ] = None,
) -> Cursor | None:
    try:
        return None if cursor is None else Cursor.decode(cursor)
    except ValueError as error:
        raise BadRequest(f"The cursor is {error}.") from None


After = Annotated[Cursor | None, Depends(_decoded)]


def page_of(
    rows: Sequence[Item],
    limit: int,
    place: Callable[[Item], tuple[datetime, UUID]],
    *,
    is_cut: bool = False,
) -> Page[Item]:
    """`rows` holds one more than `limit` where there is another page, unless it is cut short."""
    items = list(rows[:limit])
    more = is_cut or len(rows) > limit
    return Page(items=items, next_cursor=Cursor(*place(items[-1])).encode() if more else None)
