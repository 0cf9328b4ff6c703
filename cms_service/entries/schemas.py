from typing import Any
from uuid import UUID

from cms_service.core.schemas import RequestBody, Schema, Timestamp


class EntryContent(RequestBody):
    fields: dict[str, Any]


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
