from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from cms_service.content_types.schemas import MAX_FIELDS
from cms_service.core.validation.exact import WHOLE, Identifier
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.entries import seen

SeenVersion = Annotated[int, Field(ge=1, le=999_999_999), WHOLE]


class EntryContent(RequestBody):
    fields: Annotated[dict[str, Any], Field(max_length=MAX_FIELDS)]


class EntryChange(RequestBody):
    """`fields` is a JSON merge patch (RFC 7396). `version`: the one that the caller has seen, where
    it matters.
    """

    id: Identifier
    version: SeenVersion | None = None
    fields: Annotated[dict[str, Any], Field(max_length=MAX_FIELDS)]


class Published(Schema):
    """The state that delivery shows; it stays until the entry is published again."""

    version: int
    slug: str | None
    published_at: Timestamp


class Referrer(Schema):
    """An entry that refers to another: by these fields of its draft, and of what is published."""

    id: UUID
    type: str
    slug: str | None
    created_at: Timestamp
    fields: list[str]
    published_fields: list[str]


class Entry(Schema):
    """`fields` is the draft."""

    id: UUID
    type: str
    version: int
    slug: str | None
    fields: dict[str, Any]
    created_at: Timestamp
    created_by: UUID | None
    updated_at: Timestamp
    updated_by: UUID | None
    published: Published | None
    # How often changes of the type have changed the entry's fields without a new version of it.
    rewritten: Annotated[int, Field(exclude=True)] = 0

    @property
    def etag(self) -> str:
        """The version, and what else an answer about it depends on."""
        published_at = self.published.published_at if self.published else None
        return seen.etag(self.version, self.rewritten, published_at)


class Found(Schema):
    """`rank` compares the finds of one search."""

    rank: float
    entry: Entry


class FoundEntries(Schema):
    items: list[Found]
