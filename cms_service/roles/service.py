from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Role, Rule, rules_of
from cms_service.core.errors import FieldError, Invalid, NotFound
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.roles.repository import RoleRepository
from cms_service.roles.rules import rules_from
from cms_service.roles.schemas import CustomRole, NewRole, RoleDefinition
from cms_service.tenants.access import AccessChanges


class RoleService:
    def __init__(self, repository: RoleRepository, changes: AccessChanges) -> None:
        self._repository = repository
        self._changes = changes

    async def rules(self, tenant_id: UUID, name: str) -> tuple[Rule, ...]:
        """The rules of a role that is to be given to somebody. Raises Invalid."""
        if name in set(Role):
            return rules_of(Role(name))
        role = await self._repository.get(tenant_id, name)
        if role is None:
            raise Invalid("There is no such role.", (FieldError("/role", "no such role"),))
        return rules_from(role.rules)

    async def create(self, actor: Actor, new: NewRole) -> CustomRole:
        await actor.check_covers(rules_from(new.rules), "The new role")
        return await self._repository.insert(actor.tenant_id, new_id(), new)

    async def get(self, actor: Actor, name: str) -> CustomRole:
        return _found(await self._repository.get(actor.tenant_id, name))

    async def page(self, actor: Actor, limit: int, after: Cursor | None) -> list[CustomRole]:
        return await self._repository.page(actor.tenant_id, limit, after)

    async def replace(self, actor: Actor, name: str, definition: RoleDefinition) -> CustomRole:
        await actor.check_covers(rules_from(definition.rules), "The changed role")
        async with self._changes.of(actor) as scope:
            old = _found(await self._repository.lock(scope, name))
            await actor.check_covers(rules_from(old.rules), "The role")
            return await self._repository.update(scope, old.id, definition)

    async def delete(self, actor: Actor, name: str) -> None:
        async with self._changes.of(actor) as scope:
            old = _found(await self._repository.lock(scope, name))
            await actor.check_covers(rules_from(old.rules), "The role")
            await self._repository.delete(scope, old.id)


def _found(role: CustomRole | None) -> CustomRole:
    if role is None:
        raise NotFound("There is no such role.")
    return role
