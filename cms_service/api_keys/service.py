from collections.abc import Callable
from uuid import UUID

from cms_service.api_keys.keys import KeyText
from cms_service.api_keys.repository import ApiKeyRepository
from cms_service.api_keys.schemas import ApiKey, CreatedApiKey, NewApiKey
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.errors import FieldError, Invalid, NotFound
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.roles.rules import RuleBody, rules_from
from cms_service.roles.service import RoleService
from cms_service.tenants.access import AccessChanges

_READ_PUBLISHED = (RuleBody(permissions=(Permission.READ_DELIVERY,)),)


class ApiKeyService:
    def __init__(
        self,
        repository: ApiKeyRepository,
        roles: RoleService,
        changes: AccessChanges,
        clock: Callable[[], float],
    ) -> None:
        self._repository = repository
        self._roles = roles
        self._changes = changes
        self._clock = clock

    async def create(self, actor: Actor, new: NewApiKey) -> CreatedApiKey:
        if new.expires_at is not None and new.expires_at.timestamp() <= self._clock():
            error = FieldError("/expiresAt", "must be in the future")
            raise Invalid("The key would have expired already.", (error,))
        rules = None
        if new.role is not None:
            granted = await self._roles.rules(actor.tenant_id, new.role)
        else:
            rules = _READ_PUBLISHED if new.rules is None else new.rules
            granted = rules_from(rules)
        await actor.check_covers(granted, "The key")
        text = KeyText.new(new_id())
        key = await self._repository.insert(
            actor.tenant_id,
            text.id,
            name=new.name,
            secret_hash=text.hash(),
            role=new.role,
            rules=rules,
            expires_at=new.expires_at,
            created_by=actor.user_id,
        )
        return CreatedApiKey(**dict(key), key=text.encode())

    async def get(self, actor: Actor, key_id: UUID) -> ApiKey:
        key = await self._repository.get(actor.tenant_id, key_id)
        if key is None:
            raise _not_found()
        return key

    async def page(self, actor: Actor, limit: int, after: Cursor | None) -> list[ApiKey]:
        return await self._repository.page(actor.tenant_id, limit, after)

    async def revoke(self, actor: Actor, key_id: UUID) -> None:
        """Any key may be revoked: whoever may make keys can stop a stolen one."""
        async with self._changes.of(actor) as scope:
            if not await self._repository.delete(scope, key_id):
                raise _not_found()


def _not_found() -> NotFound:
    return NotFound("There is no such API key.")
