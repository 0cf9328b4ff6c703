from uuid import UUID

from cms_service.auth.passwords import Passwords
from cms_service.auth.schemas import Tokens
from cms_service.auth.sessions import RefreshToken, Sessions
from cms_service.auth.tokens import AccessTokens, Actor
from cms_service.core.errors import Unauthorized, Unavailable
from cms_service.core.redis_store import RedisAwayError
from cms_service.tenants.directory import TenantDirectory
from cms_service.users.repository import UserRepository
from cms_service.users.schemas import User

_SESSIONS_AWAY = "Sessions cannot be kept at the moment."


class AuthService:
    def __init__(
        self,
        directory: TenantDirectory,
        users: UserRepository,
        passwords: Passwords,
        sessions: Sessions,
        tokens: AccessTokens,
    ) -> None:
        self._directory = directory
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens

    async def login(self, tenant_name: str, email: str, password: str) -> Tokens:
        tenant = await self._directory.find(tenant_name)
        found = await self._users.by_email(tenant.id, email) if tenant else None
        stored = found.password_hash if found else None
        matches = await self._passwords.verify(password, stored)
        if tenant is None or found is None or not matches:
            raise Unauthorized("The e-mail address or the password is wrong.")
        try:
            refresh = await self._sessions.start(tenant.id, found.user.id)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None
        return self._answer(tenant.id, tenant_name, found.user, refresh)

    async def refresh(self, tenant_name: str, text: str) -> Tokens:
        try:
            return await self._refresh(tenant_name, _parse(text))
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None

    async def logout(self, tenant_name: str, text: str) -> None:
        token = _parse(text)
        tenant = await self._directory.find(tenant_name)
        try:
            if tenant is not None:
                await self._sessions.end(tenant.id, token)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None

    async def _refresh(self, tenant_name: str, token: RefreshToken) -> Tokens:
        tenant = await self._directory.find(tenant_name)
        user_id = await self._sessions.user_of(tenant.id, token) if tenant else None
        if tenant is None or user_id is None:
            raise _spent()
        # The user is read first: with the database away, the token must not be used up.
        user = await self._users.get(tenant.id, user_id)
        if user is None:
            await self._sessions.end(tenant.id, token)
            raise _spent()
        successor = await self._sessions.rotate(tenant.id, token)
        if successor is None:
            raise _spent()
        return self._answer(tenant.id, tenant_name, user, successor)

    def _answer(
        self, tenant_id: UUID, tenant_name: str, user: User, refresh: RefreshToken
    ) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(Actor(user.id, tenant_id, tenant_name, user.role)),
            expires_in=self._tokens.lifetime_seconds,
            refresh_token=refresh.encode(),
            refresh_expires_in=self._sessions.lifetime_seconds,
        )


def _parse(text: str) -> RefreshToken:
    try:
        return RefreshToken.parse(text)
    except ValueError:
        raise _spent() from None


def _spent() -> Unauthorized:
    return Unauthorized("The refresh token is not valid, or was used before: log in again.")
