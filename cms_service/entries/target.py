"""Which entry a writer means, and what it has seen of it."""

from dataclasses import dataclass
from uuid import UUID

from cms_service.entries.seen import Seen


@dataclass(frozen=True)
class Target:
    """`if_seen` is None where the writer does not care."""

    type_name: str
    entry_id: UUID
    if_seen: Seen | None
