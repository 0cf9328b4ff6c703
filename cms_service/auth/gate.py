"""Finds out who asks, with the rights that they have now, from what a request shows."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from cms_service.api_keys.keys import PREFIX, KeyText, KnownKey
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Subject
from cms_service.auth.subjects import ByGeneration
from cms_service.auth.tokens import AccessTokens, Identity, bearer_token
from cms_service.core.errors import Unauthorized
from cms_service.tenants.schemas import TenantState

Credentials = Identity | KeyText


class Users(Protocol):
    async def subject(self, tenant_id: UUID, user_id: UUID) -> Subject | None:
        """None for a user who is not there or not active. Raises Unavailable."""


class ApiKeys(Protocol):
    async def known(self, tenant_id: UUID, key_id: UUID) -> KnownKey | None:
        """Raises Unavailable."""


class Gate:
    """`note_use` hears of every use of a key, by the ids of the tenant and the key."""

    def __init__(
        self,
        tokens: AccessTokens,
        users: Users,
        keys: ApiKeys,
        note_use: Callable[[UUID, UUID], None],
        clock: Callable[[], float],
    ) -> None:
        self._tokens = tokens
        self._users: ByGeneration[Subject] = ByGeneration(users.subject)
        self._keys: ByGeneration[KnownKey] = ByGeneration(keys.known)
        self._note_use = note_use
        self._clock = clock

    def identify(self, authorization: str | None, api_key: str | None) -> Credentials:
        """Asks nobody: what is refused here costs little. Raises Unauthorized."""
        if api_key is not None:
            if authorization is not None:
                raise Unauthorized("Only one of Authorization and X-API-Key can say who asks.")
            return _key(api_key)
        token = bearer_token(authorization)
        if token.startswith(PREFIX):
            return _key(token)
        return self._tokens.verify(token)

    async def admit(self, credentials: Credentials, tenant: TenantState | None) -> Actor:
        """`tenant` is None where nobody has the name. Raises Unauthorized."""
        if isinstance(credentials, KeyText):
            return await self._admit_key(credentials, tenant)
        if tenant is None or tenant.id != credentials.tenant_id:
            raise _gone()
        subject = await self._users.get(tenant, credentials.user_id)
        if subject is None:
            raise _gone()
        return Actor(tenant.id, tenant.name, credentials.user_id, subject)

    async def _admit_key(self, key: KeyText, tenant: TenantState | None) -> Actor:
        known = None if tenant is None else await self._keys.get(tenant, key.id)
        if tenant is None or known is None or not known.fits(key, self._clock()):
            raise _no_key()
        self._note_use(tenant.id, key.id)
        return Actor(tenant.id, tenant.name, key.id, known.subject)


def _key(text: str) -> KeyText:
    try:
        return KeyText.parse(text)
    except ValueError:
        raise _no_key() from None


def _gone() -> Unauthorized:
    return Unauthorized("The token's user does not exist any more, or has been deactivated.")


def _no_key() -> Unauthorized:
    return Unauthorized("The API key is not valid here, or has expired or been revoked.")
