"""What a list of entries may be asked for, and where it goes on."""

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Self
from uuid import UUID

import orjson
from fastapi import Depends, Query

from cms_service.core.errors import BadRequest
from cms_service.core.validation.exact import Identifier, Moment

MAX_CURSOR_LENGTH = 1000
_CURSOR_PARTS = 3


class Status(StrEnum):
    """What is published: nothing (`draft`), the draft itself, or an older state (`changed`)."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CHANGED = "changed"


class Sort(StrEnum):
    """Entries without a slug come as if theirs were empty."""

    NEWEST = "-createdAt"
    OLDEST = "createdAt"
    LAST_UPDATED = "-updatedAt"
    FIRST_UPDATED = "updatedAt"
    SLUG = "slug"
    SLUG_BACKWARDS = "-slug"


@dataclass(frozen=True)
class EntryCursor:
    """The last entry that was seen, and the order in which it was the last."""

    sort: Sort
    key: str
    id: UUID

    def encode(self) -> str:
        return base64.urlsafe_b64encode(orjson.dumps([self.sort, self.key, self.id])).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """Raises ValueError."""
        try:
            parts = orjson.loads(base64.b64decode(text.encode("ascii"), b"-_", validate=True))
        except (binascii.Error, UnicodeEncodeError, orjson.JSONDecodeError):
            raise ValueError("not valid") from None
        if not isinstance(parts, list) or len(parts) != _CURSOR_PARTS:
            raise ValueError("not valid")
        sort, key, entry_id = parts
        if not isinstance(key, str) or not isinstance(entry_id, str) or "\x00" in key:
            raise ValueError("not valid")
        order = Sort(sort)
        by_slug = order in {Sort.SLUG, Sort.SLUG_BACKWARDS}
        return cls(order, key if by_slug else _time(key), UUID(entry_id))


def _time(text: str) -> str:
    """The time as PostgreSQL reads it: Python knows more ways to write one."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat()
    except OverflowError:
        raise ValueError("not valid") from None


@dataclass(frozen=True)
class Listing:
    status: Status | None = None
    author: UUID | None = None
    slug: str | None = None
    updated_since: datetime | None = None
    updated_until: datetime | None = None
    sort: Sort = Sort.NEWEST
    after: EntryCursor | None = None

    @property
    def tells_slugs(self) -> bool:
        """Whether it tells slugs: by what is found, or by the order and the place where a page
        ends.
        """
        return self.slug is not None or self.sort in {Sort.SLUG, Sort.SLUG_BACKWARDS}


async def _listing(  # noqa: PLR0913, PLR0917 - FastAPI wants one parameter for each thing
    status: Status | None = None,
    author: Annotated[Identifier | None, Query(description="who has made it")] = None,
    slug: Annotated[str | None, Query(max_length=200)] = None,
    updated_since: Annotated[Moment | None, Query(alias="updatedSince")] = None,
    updated_until: Annotated[Moment | None, Query(alias="updatedUntil")] = None,
    sort: Sort = Sort.NEWEST,
    cursor: Annotated[
        str | None,
        Query(max_length=MAX_CURSOR_LENGTH, description="`nextCursor` of the page before"),
    ] = None,
) -> Listing:
    after = None if cursor is None else _decoded(cursor, sort)
    return Listing(status, author, slug, updated_since, updated_until, sort, after)


ListingQuery = Annotated[Listing, Depends(_listing)]


def _decoded(text: str, sort: Sort) -> EntryCursor:
    try:
        cursor = EntryCursor.decode(text)
    except ValueError:
        raise BadRequest("The cursor is not valid.") from None
    if cursor.sort is not sort:
        raise BadRequest("The cursor is of a list in another order.")
    return cursor
