from typing import Any
from uuid import UUID

from cms_service.core.validation.schemas import Schema, Timestamp


class BinnedEntry(Schema):
    id: UUID
    type: str
    version: int
    slug: str | None
    fields: dict[str, Any]
    created_at: Timestamp
    created_by: UUID | None
    updated_at: Timestamp
    updated_by: UUID | None
    deleted_at: Timestamp
    deleted_by: UUID | None
