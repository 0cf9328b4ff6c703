"""Who asks, in which tenant, and with which rights."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from uuid import UUID

from cms_service.auth.permissions import (
    ANYTHING,
    Permission,
    Resource,
    Rule,
    Subject,
    denial,
    exceeding,
    lacking,
)
from cms_service.core.acting import Principal, PrincipalKind
from cms_service.core.errors import Forbidden

# Names that are asked about may be a client's.
_MOST_DECIDED = 10_000
# Comparing two roles of many rules takes a second, but for each part less than a millisecond.
_PARTS_AT_ONCE = 10


@dataclass(frozen=True)
class Actor:
    tenant_id: UUID
    tenant_name: str
    principal_id: UUID
    """Of the user or the API key."""
    subject: Subject
    _decided: dict[Hashable, bool] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

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

    def may_in(self, permission: Permission, resource: Resource, locales: tuple[str, ...]) -> bool:
        """The same in each of these locales, decided once: of a list of entries it is asked for
        all that is in each of them.
        """
        key = (permission, resource, locales)
        known = self._decided.get(key)
        if known is None:
            known = all(self.may(permission, replace(resource, locale=each)) for each in locales)
            self._remember(key, decision=known)
        return known

    def check(self, permission: Permission, resource: Resource = ANYTHING) -> None:
        """Raises Forbidden."""
        reason = denial(self.subject, permission, resource)
        if reason is not None:
            raise Forbidden(reason)

    async def check_covers(self, rules: tuple[Rule, ...], what: str) -> None:
        """Nobody gives, takes or changes rights beyond their own. Raises Forbidden. Other requests
        go on in between.
        """
        for number, permission in enumerate(exceeding(self.subject.rules, rules)):
            if permission is not None:
                raise Forbidden(
                    f"{what} goes beyond the rights of {self.subject.name}: {permission}."
                )
            if number % _PARTS_AT_ONCE == 0:
                await asyncio.sleep(0)

    def has(self, rules: tuple[Rule, ...]) -> bool:
        """All that they allow. That too is decided once."""
        known = self._decided.get(rules)
        if known is None:
            known = lacking(self.subject.rules, rules) is None
            self._remember(rules, decision=known)
        return known

    def _remember(self, key: Hashable, *, decision: bool) -> None:
        if len(self._decided) < _MOST_DECIDED:
            self._decided[key] = decision

    def owns(self, user_id: UUID | None) -> bool:
        return user_id is not None and user_id == self.subject.user_id
