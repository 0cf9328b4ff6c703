"""Who asks, in which tenant, and with which rights."""

from dataclasses import dataclass
from uuid import UUID

from cms_service.auth.permissions import (
    ANYTHING,
    Permission,
    Resource,
    Rule,
    Subject,
    denial,
    lacking,
)
from cms_service.core.acting import Principal, PrincipalKind
from cms_service.core.errors import Forbidden


@dataclass(frozen=True)
class Actor:
    tenant_id: UUID
    tenant_name: str
    principal_id: UUID
    """Of the user or the API key."""
    subject: Subject

    @property
    def user_id(self) -> UUID | None:
        """None for an API key."""
        return self.subject.user_id

    @property
    def principal(self) -> Principal:
        kind = PrincipalKind.API_KEY if self.user_id is None else PrincipalKind.USER
        return Principal(kind, self.principal_id)

    def may(self, permission: Permission, resource: Resource = ANYTHING) -> bool:
        return denial(self.subject, permission, resource) is None

    def check(self, permission: Permission, resource: Resource = ANYTHING) -> None:
        """Raises Forbidden."""
        reason = denial(self.subject, permission, resource)
        if reason is not None:
            raise Forbidden(reason)

    def check_covers(self, rules: tuple[Rule, ...], what: str) -> None:
        """Nobody gives, takes or changes rights beyond their own. Raises Forbidden."""
        permission = lacking(self.subject.rules, rules)
        if permission is not None:
            raise Forbidden(f"{what} goes beyond the rights of {self.subject.name}: {permission}.")

    def has(self, rules: tuple[Rule, ...]) -> bool:
        """All that they allow."""
        return lacking(self.subject.rules, rules) is None

    def owns(self, user_id: UUID | None) -> bool:
        return user_id is not None and user_id == self.subject.user_id
