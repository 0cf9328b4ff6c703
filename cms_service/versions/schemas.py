from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from cms_service.core.validation.schemas import Schema, Timestamp


class VersionSummary(Schema):
    """`restoredFrom` is the version that a restored one brought back."""

    version: int
    kind: Literal["created", "saved", "restored", "undeleted"]
    restored_from: int | None
    slug: str | None
    created_at: Timestamp
    created_by: UUID | None
    published_at: Timestamp | None
    published_by: UUID | None


class Version(VersionSummary):
    fields: dict[str, Any]


class ChangeKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class Change(Schema):
    """`pointer` is a JSON pointer (RFC 6901) into the entry's fields."""

    pointer: str
    kind: ChangeKind
    before: Any = None
    after: Any = None


class Diff(Schema):
    """`complete` is false where there are more changes than are listed."""

    from_version: int
    to_version: int
    changes: list[Change]
    complete: bool
