"""Who is at work: known to every statement of a request, as the request's id is to every line of
its log.
"""

from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class PrincipalKind(StrEnum):
    USER = "user"
    API_KEY = "api-key"


@dataclass(frozen=True)
class Principal:
    kind: PrincipalKind
    id: UUID

    @property
    def user_id(self) -> UUID | None:
        """None for an API key, which is no user that a column could refer to."""
        return self.id if self.kind is PrincipalKind.USER else None


acting: ContextVar[Principal | None] = ContextVar("acting", default=None)


def acting_values() -> dict[str, object]:
    """What every statement is told of it."""
    principal = acting.get()
    return {
        "actor": principal and principal.id,
        "actorKind": principal and principal.kind,
        "actingUser": principal and principal.user_id,
    }
