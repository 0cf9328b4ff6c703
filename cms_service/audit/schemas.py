from typing import Any
from uuid import UUID

from cms_service.core.acting import PrincipalKind
from cms_service.core.validation.schemas import Schema, Timestamp


class AuditEntry(Schema):
    """`actor` is null where nobody is known, or the one who asked for it is gone."""

    id: UUID
    at: Timestamp
    actor: UUID | None
    actor_kind: PrincipalKind | None
    action: str
    object_kind: str
    object_id: UUID
    details: dict[str, Any]
