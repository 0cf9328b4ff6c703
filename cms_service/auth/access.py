"""What an endpoint asks of its caller."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from cms_service.auth.actor import Actor
from cms_service.auth.gate import Gate
from cms_service.auth.permissions import Permission, Resource
from cms_service.auth.tokens import Identity
from cms_service.core.acting import acting
from cms_service.core.endpoints.answers import answers
from cms_service.core.errors import Forbidden, TooManyRequests, Unauthorized
from cms_service.core.http.asgi import TENANT
from cms_service.core.rate_limiting.rate_limits import RateLimits
from cms_service.tenants.directory import TenantDirectory
from cms_service.tenants.paths import TenantPath

_ADMITTED = "hcms.admitted"


async def admitted(request: Request, tenant_name: str) -> Actor:
    """Raises Unauthorized, Forbidden and TooManyRequests. A token tells at once on whose account a
    request goes; a key is nobody's before it has been looked up.

    Asks for a request once: whoever is let in may hold a connection when this is called again, and
    must not wait for another one.
    """
    known: Actor | None = request.scope.get(_ADMITTED)
    if known is not None and known.tenant_name == tenant_name:
        return known
    services = request.app.state.services
    gate: Gate = services[Gate]
    directory: TenantDirectory = services[TenantDirectory]
    limits: RateLimits = services[RateLimits]
    credentials = gate.identify(
        request.headers.get("authorization"), request.headers.get("x-api-key")
    )
    if isinstance(credentials, Identity):
        await limits.admit(request.scope, credentials.tenant_id, credentials.user_id)
        credentials.check_tenant(tenant_name)
    actor = await gate.admit(credentials, await directory.find(tenant_name))
    request.scope[TENANT] = tenant_name
    await limits.admit(request.scope, actor.tenant_id, actor.principal_id)
    acting.set(actor.principal)
    request.scope[_ADMITTED] = actor
    return actor


@answers(Unauthorized, Forbidden, TooManyRequests, for_caller=True)
async def signed_in(request: Request, tenant: TenantPath) -> Actor:
    """Whoever it is, whatever the role: for what concerns the caller alone."""
    return await admitted(request, tenant)


def requires(permission: Permission) -> Callable[..., Awaitable[Actor]]:
    """The permission is asked for the content type in the path, if there is one; where entries,
    fields and locales are known it is asked for these.
    """

    async def dependency(request: Request, actor: Annotated[Actor, Depends(signed_in)]) -> Actor:
        actor.check(permission, Resource(content_type=request.path_params.get("type_name")))
        return actor

    return dependency
