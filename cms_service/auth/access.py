"""What an endpoint asks of its caller."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from cms_service.auth.permissions import Permission
from cms_service.auth.tokens import AccessTokens, Actor, bearer_token
from cms_service.core.dependencies import provide
from cms_service.core.rate_limits import RateLimits
from cms_service.tenants.paths import TenantPath


async def signed_in(
    request: Request,
    tenant: TenantPath,
    tokens: Annotated[AccessTokens, Depends(provide(AccessTokens))],
    limits: Annotated[RateLimits, Depends(provide(RateLimits))],
) -> Actor:
    """Whoever it is, whatever the role: for what concerns the caller alone."""
    actor = tokens.verify(bearer_token(request.headers.get("authorization")))
    await limits.admit(request.scope, actor.tenant_id, actor.user_id)
    actor.check_tenant(tenant)
    return actor


def requires(permission: Permission) -> Callable[..., Awaitable[Actor]]:
    async def dependency(actor: Annotated[Actor, Depends(signed_in)], tenant: TenantPath) -> Actor:
        actor.check(permission, tenant)
        return actor

    return dependency
