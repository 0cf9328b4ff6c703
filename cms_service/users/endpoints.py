from typing import Annotated

from fastapi import APIRouter, Depends, status

from cms_service.auth.access import requires
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.core.endpoints.answers import answers
from cms_service.core.endpoints.dependencies import provide
from cms_service.core.errors import LimitReached
from cms_service.core.paging.pages import After, LimitQuery, page_of
from cms_service.core.validation.exact import Identifier
from cms_service.core.validation.schemas import Page
from cms_service.idempotency.route import IdempotentRoute
from cms_service.users.schemas import NewUser, User, UserChange
from cms_service.users.service import UserService

router = APIRouter(prefix="/v1/tenants/{tenant}/users", tags=["users"], route_class=IdempotentRoute)
Service = Annotated[UserService, Depends(provide(UserService))]
Reader = Annotated[Actor, Depends(requires(Permission.READ_USERS))]
Writer = Annotated[Actor, Depends(requires(Permission.WRITE_USERS))]


@router.post("", status_code=status.HTTP_201_CREATED)
@answers(LimitReached)
async def create_user(body: NewUser, actor: Writer, service: Service) -> User:
    return await service.create(actor, body)


@router.get("")
async def list_users(
    actor: Reader, service: Service, after: After, limit: LimitQuery = 20
) -> Page[User]:
    users = await service.page(actor.tenant_id, limit + 1, after)
    return page_of(users, limit, lambda user: (user.created_at, user.id))


@router.get("/{user_id}")
async def get_user(user_id: Identifier, actor: Reader, service: Service) -> User:
    return await service.get(actor.tenant_id, user_id)


@router.patch("/{user_id}")
async def change_user(
    user_id: Identifier, body: UserChange, actor: Writer, service: Service
) -> User:
    return await service.change(actor, user_id, body)


@router.delete("/{user_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_user(user_id: Identifier, actor: Writer, service: Service) -> None:
    await service.delete(actor, user_id)
