# ruff: noqa: S608 - the statements are put together from constants of this module
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.audit.statements import noted
from cms_service.core.errors import Conflict
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.roles.rules import to_store
from cms_service.roles.schemas import CustomRole, NewRole, RoleDefinition

_JSON = """jsonb_build_object('id', r.id, 'name', r.name, 'displayName', r.display_name,
    'rules', r.rules, 'version', r.version, 'createdAt', r.created_at, 'updatedAt', r.updated_at)"""

_NOTE = "jsonb_build_object('name', name)"

_GET = Statement("roles.get", f"SELECT {_JSON} FROM cms.roles r WHERE r.name = $1->>'name'")
_LOCK = Statement(
    "roles.lock", f"SELECT {_JSON} FROM cms.roles r WHERE r.name = $1->>'name' FOR UPDATE"
)
_LIST = Statement(
    "roles.list",
    f"SELECT {_JSON} FROM cms.roles r WHERE {newest_first('r')}",
)
_INSERT = Statement(
    "roles.insert",
    f"""WITH r AS (
            INSERT INTO cms.roles (tenant_id, id, name, display_name, rules)
            VALUES (($1->>'tenant')::uuid, ($1->>'id')::uuid, $1->>'name', $1->>'displayName',
                    $1->'rules')
            RETURNING *),
        {noted("'created'", "role", "r", _NOTE)}
        SELECT {_JSON} FROM r""",
)
_UPDATE = Statement(
    "roles.update",
    f"""WITH r AS (
            UPDATE cms.roles SET display_name = $1->>'displayName', rules = $1->'rules',
                version = version + 1, updated_at = now()
            WHERE id = ($1->>'id')::uuid
            RETURNING *),
        {noted("'changed'", "role", "r", _NOTE)}
        SELECT {_JSON} FROM r""",
)
_DELETE = Statement(
    "roles.delete",
    f"""WITH r AS (DELETE FROM cms.roles WHERE id = ($1->>'id')::uuid RETURNING *),
        {noted("'deleted'", "role", "r", _NOTE)}
       SELECT jsonb_build_object('id', r.id) FROM r""",
)


class RoleRepository:
    """The tenant's own roles; the built-in ones are in no table."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, tenant_id: UUID, name: str) -> CustomRole | None:
        rows = await self.database.query(tenant_id, _GET, name=name)
        return _role(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[CustomRole]:
        rows = await self.database.query(tenant_id, _LIST, **page_values(limit, after))
        return [_role(row) for row in rows]

    async def insert(self, tenant_id: UUID, role_id: UUID, new: NewRole) -> CustomRole:
        """Raises Conflict for a name that is taken."""
        try:
            rows = await self.database.query(
                tenant_id,
                _INSERT,
                id=role_id,
                name=new.name,
                displayName=new.display_name,
                rules=to_store(new.rules),
            )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is a role with this name.") from None
        return _role(rows[0])

    async def lock(self, transaction: Transaction, name: str) -> CustomRole | None:
        rows = await transaction.query(_LOCK, name=name)
        return _role(rows[0]) if rows else None

    async def update(
        self, transaction: Transaction, role_id: UUID, definition: RoleDefinition
    ) -> CustomRole:
        rows = await transaction.query(
            _UPDATE,
            id=role_id,
            displayName=definition.display_name,
            rules=to_store(definition.rules),
        )
        return _role(rows[0])

    async def delete(self, transaction: Transaction, role_id: UUID) -> None:
        """Raises Conflict while anyone has it."""
        try:
            await transaction.query(_DELETE, id=role_id)
        except asyncpg.ForeignKeyViolationError:
            raise Conflict("The role is in use: give its users and API keys another one.") from None


def _role(row: dict[str, Any]) -> CustomRole:
    return CustomRole.model_validate(row)
