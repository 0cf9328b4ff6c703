from uuid import NAMESPACE_URL, UUID, uuid5

from cms_service.auth.actor import Actor
from cms_service.auth.passwords import Passwords
from cms_service.auth.schemas import Tokens
from cms_service.auth.sessions import Issued, RefreshToken, Session, Sessions
from cms_service.auth.throttle import LoginThrottle
from cms_service.auth.tokens import AccessTokens, Identity
from cms_service.core.errors import OVERTAKEN, Conflict, Forbidden, Unauthorized, Unavailable
from cms_service.core.redis_store import RedisAwayError
from cms_service.tenants.directory import TenantDirectory
from cms_service.users.repository import UserRepository
from cms_service.users.schemas import User

_SESSIONS_AWAY = "Sessions cannot be kept at the moment."


class AuthService:
    def __init__(  # noqa: PLR0913 - a log-in takes all of them
        self,
        directory: TenantDirectory,
        users: UserRepository,
        passwords: Passwords,
        sessions: Sessions,
        tokens: AccessTokens,
        *,
        throttle: LoginThrottle,
    ) -> None:
        self._directory = directory
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens
        self._throttle = throttle

    async def login(self, tenant_name: str, email: str, password: str, client: str) -> Tokens:
        tenant = await self._directory.find(tenant_name)
        # The same work for a tenant or a user that is not there.
        tenant_id = tenant.id if tenant else uuid5(NAMESPACE_URL, tenant_name)
        attempt = await self._throttle.enter(tenant_id, email, client)
        found = await self._users.by_email(tenant.id, email) if tenant else None
        stored = found.password_hash if found else None
        matches = await self._passwords.verify(password, stored)
        if tenant is None or found is None or not matches or not found.user.active:
            raise Unauthorized("The e-mail address or the password is wrong.")
        await self._throttle.succeeded(attempt)
        try:
            session = Session(found.user.id, found.sessions_generation)
            issued = await self._sessions.start(tenant.id, session)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None
        return self._answer(tenant.id, tenant_name, found.user, issued)

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

    async def logout_everywhere(self, actor: Actor) -> None:
        if not await self._users.end_sessions(actor.tenant_id, _user_of(actor)):
            raise _gone()

    async def change_password(self, actor: Actor, current: str, new: str, client: str) -> None:
        user_id = _user_of(actor)
        account = await self._users.by_id(actor.tenant_id, user_id)
        if account is None:
            raise _gone()
        attempt = await self._throttle.enter(actor.tenant_id, account.user.email, client)
        if not await self._passwords.verify(current, account.password_hash):
            raise Forbidden("The current password is wrong.")
        await self._throttle.succeeded(attempt)
        changed = await self._users.replace_password(
            actor.tenant_id, user_id, account.password_hash, await self._passwords.hash(new)
        )
        if not changed:
            raise Conflict(OVERTAKEN)

    async def _refresh(self, tenant_name: str, token: RefreshToken) -> Tokens:
        tenant = await self._directory.find(tenant_name)
        session = await self._sessions.peek(tenant.id, token) if tenant else None
        if tenant is None or session is None:
            raise _spent()
        # The user is read first: with the database away, the token must not be used up. What is
        # read decides whether the session still goes on; Redis may have come back from an old copy.
        account = await self._users.by_id(tenant.id, session.user_id)
        ended = account is None or account.sessions_generation != session.generation
        if account is None or ended or not account.user.active:
            await self._sessions.end(tenant.id, token)
            raise _spent()
        issued = await self._sessions.rotate(tenant.id, token)
        if issued is None:
            raise _spent()
        return self._answer(tenant.id, tenant_name, account.user, issued)

    def _answer(self, tenant_id: UUID, tenant_name: str, user: User, issued: Issued) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(Identity(user.id, tenant_id, tenant_name), user.role),
            expires_in=self._tokens.lifetime_seconds,
            refresh_token=issued.token.encode(),
            refresh_expires_in=issued.seconds,
        )


def _user_of(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise Forbidden("An API key has neither sessions nor a password.")
    return actor.user_id


def _parse(text: str) -> RefreshToken:
    try:
        return RefreshToken.parse(text)
    except ValueError:
        raise _spent() from None


def _gone() -> Unauthorized:
    return Unauthorized("The token's user does not exist any more.")


def _spent() -> Unauthorized:
    return Unauthorized("The refresh token is not valid, or was used before: log in again.")
