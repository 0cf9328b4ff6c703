from uuid import UUID

from cms_service.auth.passwords import Passwords
from cms_service.auth.permissions import Role
from cms_service.core.cursor import Cursor
from cms_service.core.errors import Conflict, NotFound
from cms_service.core.ids import new_id
from cms_service.users.repository import UserRepository
from cms_service.users.schemas import NewUser, User, UserChange

_LAST_OWNER = "A tenant keeps at least one owner."


class UserService:
    def __init__(self, repository: UserRepository, passwords: Passwords) -> None:
        self._repository = repository
        self._passwords = passwords

    async def create(self, tenant_id: UUID, new: NewUser) -> User:
        password_hash = await self._passwords.hash(new.password.get_secret_value())
        return await self._repository.insert(
            tenant_id, new_id(), new.email, password_hash, new.role
        )

    async def get(self, tenant_id: UUID, user_id: UUID) -> User:
        return _found(await self._repository.get(tenant_id, user_id))

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[User]:
        return await self._repository.page(tenant_id, limit, after)

    async def change(self, tenant_id: UUID, user_id: UUID, change: UserChange) -> User:
        password_hash = None
        if change.password is not None:
            password_hash = await self._passwords.hash(change.password.get_secret_value())
        async with self._repository.database.transaction(tenant_id) as scope:
            if change.role not in {None, Role.OWNER}:
                _check_other_owner(await self._repository.owner_ids(scope), user_id)
            user = await self._repository.update(scope, user_id, password_hash, change.role)
            return _found(user)

    async def delete(self, tenant_id: UUID, user_id: UUID) -> None:
        async with self._repository.database.transaction(tenant_id) as scope:
            _check_other_owner(await self._repository.owner_ids(scope), user_id)
            if not await self._repository.delete(scope, user_id):
                raise _not_found()


def _check_other_owner(owner_ids: set[UUID], user_id: UUID) -> None:
    if owner_ids == {user_id}:
        raise Conflict(_LAST_OWNER)


def _found(user: User | None) -> User:
    if user is None:
        raise _not_found()
    return user


def _not_found() -> NotFound:
    return NotFound("There is no such user.")
