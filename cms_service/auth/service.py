from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from cms_service.audit.repository import AuditRepository
from cms_service.auth.actor import Actor
from cms_service.auth.passwords import Passwords
from cms_service.auth.schemas import Tokens
from cms_service.auth.sessions import Issued, RefreshToken, Session, Sessions
from cms_service.auth.throttle import LoginThrottle
from cms_service.auth.tokens import AccessTokens, Identity
from cms_service.core.errors import (
    OVERTAKEN,
    Conflict,
    Forbidden,
    Unauthorized,
    Unavailable,
    user_gone,
)
from cms_service.core.redis.store import RedisAwayError
from cms_service.core.validation.email import folded
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.schemas import TenantState
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
        audit: AuditRepository,
    ) -> None:
        self._directory = directory
        self._users = users
        self._passwords = passwords
        self._sessions = sessions
        self._tokens = tokens
        self._throttle = throttle
        self._audit = audit

    async def login(self, tenant_name: str, email: str, password: str, client: str) -> Tokens:
        tenant = await self._directory.find(tenant_name)
        # The same work for a tenant or a user that is not there.
        attempt = await self._throttle.enter(_id_of(tenant_name, tenant), email, client)
        found = await self._users.by_email(tenant.id, email) if tenant else None
        stored = found.password_hash if found else None
        tenant_id = tenant.id if tenant else None
        matches = await self._passwords.verify(tenant_id, password, stored)
        succeeded = matches and found is not None and found.user.active
        if tenant is not None:
            user_id = found.user.id if found else uuid5(NAMESPACE_URL, folded(email))
            await self._audit.note_log_in(tenant.id, user_id, succeeded=succeeded)
        if tenant is None or found is None or not succeeded:
            raise Unauthorized("The e-mail address or the password is wrong.")
        await self._throttle.succeeded(attempt)
        try:
            session = Session(found.user.id, found.sessions_generation)
            issued = await self._sessions.start(tenant.id, session)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None
        return self._answer(tenant.id, tenant_name, found.user, issued)

    async def refresh(self, tenant_name: str, text: str, client: str) -> Tokens:
        try:
            return await self._refresh(tenant_name, text, client)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None

    async def logout(self, tenant_name: str, text: str, client: str) -> None:
        try:
            found = await self._find(tenant_name, text, client)
            if found is not None:
                await self._sessions.end(found.tenant_id, found.token)
        except RedisAwayError:
            raise Unavailable(_SESSIONS_AWAY) from None

    async def logout_everywhere(self, actor: Actor) -> None:
        if not await self._users.end_sessions(actor.tenant_id, _user_of(actor)):
            raise user_gone()

    async def change_password(self, actor: Actor, current: str, new: str, client: str) -> None:
        user_id = _user_of(actor)
        account = await self._users.by_id(actor.tenant_id, user_id)
        if account is None:
            raise user_gone()
        attempt = await self._throttle.enter(actor.tenant_id, account.user.email, client)
        stored = account.password_hash
        if not await self._passwords.verify(actor.tenant_id, current, stored):
            raise Forbidden("The current password is wrong.")
        await self._throttle.succeeded(attempt)
        password_hash = await self._passwords.hash(actor.tenant_id, new)
        changed = await self._users.replace_password(
            actor.tenant_id, user_id, stored, password_hash
        )
        if not changed:
            raise Conflict(OVERTAKEN)

    async def _refresh(self, tenant_name: str, text: str, client: str) -> Tokens:
        found = await self._find(tenant_name, text, client)
        if found is None:
            raise _spent()
        # The user is read first: with the database away, the token must not be used up. What is
        # read decides whether the session still goes on; Redis may have come back from an old copy.
        account = await self._users.by_id(found.tenant_id, found.session.user_id)
        ended = account is None or account.sessions_generation != found.session.generation
        if account is None or ended or not account.user.active:
            await self._sessions.end(found.tenant_id, found.token)
            raise _spent()
        issued = await self._sessions.rotate(found.tenant_id, found.token)
        if issued is None:
            raise _spent()
        return self._answer(found.tenant_id, tenant_name, account.user, issued)

    async def _find(self, tenant_name: str, text: str, client: str) -> "_Found | None":
        """None for a token that is nobody's. Raises TooManyRequests for too many of them, and
        Unauthorized for what is no token at all.
        """
        tenant = await self._directory.find(tenant_name)
        try:
            token = RefreshToken.parse(text)
        except ValueError:
            await self._throttle.note_nobodys_token(_id_of(tenant_name, tenant), client)
            raise _spent() from None
        session = await self._sessions.peek(tenant.id, token) if tenant else None
        if tenant is None or session is None:
            await self._throttle.note_nobodys_token(_id_of(tenant_name, tenant), client)
            return None
        return _Found(tenant.id, token, session)

    def _answer(self, tenant_id: UUID, tenant_name: str, user: User, issued: Issued) -> Tokens:
        return Tokens(
            access_token=self._tokens.issue(Identity(user.id, tenant_id, tenant_name), user.role),
            expires_in=self._tokens.lifetime_seconds,
            refresh_token=issued.token.encode(),
            refresh_expires_in=issued.seconds,
        )


@dataclass(frozen=True)
class _Found:
    tenant_id: UUID
    token: RefreshToken
    session: Session


def _id_of(name: str, tenant: TenantState | None) -> UUID:
    """One that is always the same for a tenant that is not there."""
    return tenant.id if tenant else uuid5(NAMESPACE_URL, name)


def _user_of(actor: Actor) -> UUID:
    if actor.user_id is None:
        raise Forbidden("An API key has neither sessions nor a password.")
    return actor.user_id


def _spent() -> Unauthorized:
    return Unauthorized("The refresh token is not valid, or was used before: log in again.")
