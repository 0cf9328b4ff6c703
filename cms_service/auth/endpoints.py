from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response, status

from cms_service.auth.access import signed_in
from cms_service.auth.actor import Actor
from cms_service.auth.clients import Clients
from cms_service.auth.schemas import Login, PasswordChange, Refresh, Tokens
from cms_service.auth.service import AuthService
from cms_service.core.endpoints.answers import NO_STORE, answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.endpoints.strict_route import StrictRoute
from cms_service.core.errors import TooManyRequests, Unauthorized
from cms_service.tenants.paths import TenantPath

router = APIRouter(
    prefix="/v1/tenants/{tenant}/auth", tags=["authentication"], route_class=StrictRoute
)
Service = Annotated[AuthService, Depends(provide(AuthService))]


async def _client(request: Request, clients: Annotated[Clients, Depends(provide(Clients))]) -> str:
    return clients.of(request)


Client = Annotated[str, Depends(_client)]
SignedIn = Annotated[Actor, Depends(signed_in)]


def _not_to_be_stored(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


@router.post("/login")
@answers(Unauthorized, TooManyRequests, headers=[NO_STORE])
async def login(
    tenant: TenantPath, body: Login, client: Client, service: Service, response: Response
) -> Tokens:
    """Failed attempts make the next ones wait (429)."""
    _not_to_be_stored(response)
    return await service.login(tenant, body.email, body.password.get_secret_value(), client)


@router.post("/refresh")
@answers(Unauthorized, TooManyRequests, headers=[NO_STORE])
async def refresh(
    tenant: TenantPath, body: Refresh, client: Client, service: Service, response: Response
) -> Tokens:
    """A refresh token is good for one use; one that is used again ends the session. Only a client
    that lost the answer may ask once more, at once. Tokens that are nobody's make the next ones
    wait (429).
    """
    _not_to_be_stored(response)
    return await service.refresh(tenant, body.refresh_token.get_secret_value(), client)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
@answers(Unauthorized, TooManyRequests)
async def logout(tenant: TenantPath, body: Refresh, client: Client, service: Service) -> None:
    """Ends the refresh token's session. Succeeds also when it has ended already."""
    await service.logout(tenant, body.refresh_token.get_secret_value(), client)


@router.post("/logout-everywhere", status_code=status.HTTP_204_NO_CONTENT)
async def logout_everywhere(actor: SignedIn, service: Service) -> None:
    """Ends every session of the caller. Access tokens that are out stay good until they expire."""
    await service.logout_everywhere(actor)


@router.post("/password", status_code=status.HTTP_204_NO_CONTENT)
async def change_password(
    actor: SignedIn, body: PasswordChange, client: Client, service: Service
) -> None:
    """Changes the caller's own. Every session ends, this one too: log in with the new password."""
    await service.change_password(
        actor,
        body.current_password.get_secret_value(),
        body.new_password.get_secret_value(),
        client,
    )
