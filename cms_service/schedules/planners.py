"""What is done in the background is done with the rights that its planner has at that moment."""

from collections.abc import Callable
from uuid import UUID

from cms_service.api_keys.repository import ApiKeyRepository
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Subject
from cms_service.core.acting import Principal, PrincipalKind
from cms_service.core.errors import Forbidden
from cms_service.users.repository import UserRepository


class Planners:
    """`clock` in seconds since 1970."""

    def __init__(
        self, users: UserRepository, keys: ApiKeyRepository, clock: Callable[[], float]
    ) -> None:
        self._users = users
        self._keys = keys
        self._clock = clock

    async def actor(self, tenant_id: UUID, tenant_name: str, planner: Principal) -> Actor:
        """Raises Forbidden for one who may do nothing any more."""
        subject = await self._subject(tenant_id, planner)
        if subject is None:
            raise Forbidden(
                "The user or key that scheduled this no longer exists or has no rights: schedule it"
                " again."
            )
        return Actor(tenant_id, tenant_name, planner.id, subject)

    async def _subject(self, tenant_id: UUID, planner: Principal) -> Subject | None:
        if planner.kind is PrincipalKind.USER:
            return await self._users.subject(tenant_id, planner.id)
        key = await self._keys.known(tenant_id, planner.id)
        return key.subject if key is not None and key.in_time(self._clock()) else None
