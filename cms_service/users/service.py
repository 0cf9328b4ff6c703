from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.passwords import Passwords
from cms_service.auth.permissions import Role
from cms_service.core.errors import Conflict, NotFound
from cms_service.core.ids import new_id
from cms_service.core.paging.cursor import Cursor
from cms_service.core.postgres.redone import redone
from cms_service.core.postgres.transaction import Transaction
from cms_service.roles.service import RoleService
from cms_service.tenants.access import AccessChanges
from cms_service.users.repository import UserRepository
from cms_service.users.schemas import NewUser, User, UserChange

_LAST_OWNER = "A tenant keeps at least one active owner."


class UserService:
    def __init__(
        self,
        repository: UserRepository,
        roles: RoleService,
        passwords: Passwords,
        changes: AccessChanges,
    ) -> None:
        self._repository = repository
        self._roles = roles
        self._passwords = passwords
        self._changes = changes

    async def create(self, actor: Actor, new: NewUser) -> User:
        await self._check_may_give(actor, new.role)
        password = new.password.get_secret_value()
        password_hash = await self._passwords.hash(actor.tenant_id, password)
        return await self._repository.insert(
            actor.tenant_id, new_id(), new.email, password_hash, new.role
        )

    async def get(self, tenant_id: UUID, user_id: UUID) -> User:
        return _found(await self._repository.get(tenant_id, user_id))

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[User]:
        return await self._repository.page(tenant_id, limit, after)

    async def change(self, actor: Actor, user_id: UUID, change: UserChange) -> User:
        if change.role is not None:
            await self._check_may_give(actor, change.role)
        await self._check_may_touch(actor, await self.get(actor.tenant_id, user_id))
        password_hash = None
        if change.password is not None:
            password = change.password.get_secret_value()
            password_hash = await self._passwords.hash(actor.tenant_id, password)
        async with self._changes.of(actor) as transaction:
            stays_owner = change.role in {None, Role.OWNER} and change.active is not False
            await self._lock(transaction, actor, user_id, stays_owner=stays_owner)
            return await self._repository.update(
                transaction, user_id, password_hash, change.role, change.active
            )

    async def delete(self, actor: Actor, user_id: UUID) -> None:
        await self._check_may_touch(actor, await self.get(actor.tenant_id, user_id))
        # Whoever writes an entry holds it and asks for its author; this goes the other way.
        await redone(lambda: self._delete(actor, user_id))

    async def _delete(self, actor: Actor, user_id: UUID) -> None:
        async with self._changes.of(actor) as transaction:
            await self._lock(transaction, actor, user_id, stays_owner=False)
            await self._repository.delete(transaction, user_id)

    async def _lock(
        self, transaction: Transaction, actor: Actor, user_id: UUID, *, stays_owner: bool
    ) -> None:
        """The owners first, for two that go at once meet in one order."""
        if not stays_owner and await self._repository.owner_ids(transaction) == {user_id}:
            raise Conflict(_LAST_OWNER)
        user = _found(await self._repository.lock(transaction, user_id))
        if user.role == Role.OWNER:  # who may have become one since it was checked
            await self._check_may_touch(actor, user)

    async def _check_may_give(self, actor: Actor, role: str) -> None:
        rules = await self._roles.rules(actor.tenant_id, role)
        await actor.check_covers(rules, f"The role {role}")

    async def _check_may_touch(self, actor: Actor, user: User) -> None:
        """Else a new password would be a way to the rights of somebody higher."""
        rules = await self._roles.rules(actor.tenant_id, user.role)
        await actor.check_covers(rules, "The user's role")


def _found(user: User | None) -> User:
    if user is None:
        raise NotFound("There is no such user.")
    return user
