"""Makes tenants with their first owners. Needs the tables' owner: the service's role may not
insert them.
"""

from typing import Annotated, Any

from pydantic import Field

from cms_service.auth.passwords import hash_password
from cms_service.auth.permissions import Role
from cms_service.core.ids import new_id
from cms_service.core.validation.schemas import RequestBody
from cms_service.tenants.schemas import TENANT_NAME_PATTERN
from cms_service.users.schemas import Email, NewPassword

_SET_TENANT = "SELECT set_config('cms.tenant', $1, true)"
_INSERT_TENANT = """
INSERT INTO cms.tenants (id, name, display_name) VALUES ($1, $2, $3)
ON CONFLICT (name) DO NOTHING RETURNING id
"""
_INSERT_OWNER = """
INSERT INTO cms.users (tenant_id, id, email, password_hash, role) VALUES ($1, $2, $3, $4, $5)
"""
_LOOK_UP = "SELECT id FROM cms.tenant_directory(ARRAY[$1])"


class NewTenant(RequestBody):
    name: Annotated[str, Field(pattern=TENANT_NAME_PATTERN)]
    display_name: Annotated[str, Field(max_length=200)] = ""


class FirstOwner(RequestBody):
    email: Email
    password: NewPassword


async def exists(connection: Any, name: str) -> bool:
    async with connection.transaction():
        return await connection.fetchval(_LOOK_UP, name) is not None


async def create(connection: Any, tenant: NewTenant, owner: FirstOwner) -> bool:
    """False where the tenant is there already; then nothing is changed, its users neither."""
    tenant_id = new_id()
    async with connection.transaction():
        await connection.execute(_SET_TENANT, str(tenant_id))
        display_name = tenant.display_name or tenant.name
        if not await connection.fetchval(_INSERT_TENANT, tenant_id, tenant.name, display_name):
            return False
        password_hash = hash_password(owner.password.get_secret_value())
        await connection.execute(
            _INSERT_OWNER, tenant_id, new_id(), owner.email, password_hash, Role.OWNER
        )
    return True
