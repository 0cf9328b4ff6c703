# ruff: noqa: S608 - the statements are put together from constants of this module
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.audit.statements import noted
from cms_service.auth.permissions import Subject
from cms_service.core.errors import OVERTAKEN, Conflict
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.roles.rules import granted
from cms_service.users.schemas import User

_JSON = """jsonb_build_object('id', u.id, 'email', u.email, 'role', coalesce(u.role_name, u.role),
    'active', u.deactivated_at IS NULL, 'createdAt', u.created_at, 'updatedAt', u.updated_at)"""
_NOTE = """jsonb_build_object('email', email, 'role', coalesce(role_name, role),
    'active', deactivated_at IS NULL)"""
_CHANGE_NOTE = f"""{_NOTE}
    || jsonb_build_object('passwordChanged', $1->>'passwordHash' IS NOT NULL)"""

_ACCOUNT = f"""{_JSON} || jsonb_build_object('passwordHash', u.password_hash,
    'sessionsGeneration', u.sessions_generation)"""

_BY_EMAIL = Statement(
    "users.by_email",
    f"""SELECT {_ACCOUNT} FROM cms.users u WHERE lower(u.email) = lower($1->>'email')""",
)
_BY_ID = Statement(
    "users.account", f"SELECT {_ACCOUNT} FROM cms.users u WHERE u.id = ($1->>'id')::uuid"
)
_GET = Statement("users.get", f"SELECT {_JSON} FROM cms.users u WHERE u.id = ($1->>'id')::uuid")
_LOCK = Statement(
    "users.lock", f"SELECT {_JSON} FROM cms.users u WHERE u.id = ($1->>'id')::uuid FOR UPDATE"
)
_SUBJECT = Statement(
    "users.subject",
    """SELECT jsonb_build_object('role', coalesce(u.role_name, u.role), 'rules', r.rules)
       FROM cms.users u
       LEFT JOIN cms.roles r ON r.tenant_id = u.tenant_id AND r.name = u.custom_role
       WHERE u.id = ($1->>'id')::uuid AND u.deactivated_at IS NULL""",
)
_LIST = Statement(
    "users.list",
    f"SELECT {_JSON} FROM cms.users u WHERE {newest_first('u')}",
)
_INSERT = Statement(
    "users.insert",
    f"""WITH u AS (
            INSERT INTO cms.users (tenant_id, id, email, password_hash, role_name)
            VALUES (($1->>'tenant')::uuid, ($1->>'id')::uuid, $1->>'email', $1->>'passwordHash',
                    $1->>'role')
            RETURNING *),
        {noted("'created'", "user", "u", _NOTE)}
        SELECT {_JSON} FROM u""",
)
_UPDATE = Statement(
    "users.update",
    f"""WITH u AS (
            UPDATE cms.users SET
                password_hash = coalesce($1->>'passwordHash', password_hash),
                role_name = coalesce($1->>'role', role_name),
                deactivated_at = CASE ($1->>'active')::boolean
                    WHEN true THEN NULL WHEN false THEN coalesce(deactivated_at, now())
                    ELSE deactivated_at END,
                updated_at = now()
            WHERE id = ($1->>'id')::uuid
            RETURNING *),
        {noted("'changed'", "user", "u", _CHANGE_NOTE)}
        SELECT {_JSON} FROM u""",
)
_DELETE = Statement(
    "users.delete",
    f"""WITH u AS (DELETE FROM cms.users WHERE id = ($1->>'id')::uuid RETURNING *),
        {noted("'deleted'", "user", "u", _NOTE)}
        SELECT jsonb_build_object('id', u.id) FROM u""",
)
# Two changes at once: the second was made with a password that is no longer the user's.
_REPLACE_PASSWORD = Statement(
    "users.replace_password",
    f"""WITH u AS (
            UPDATE cms.users SET password_hash = $1->>'new', updated_at = now()
            WHERE id = ($1->>'id')::uuid AND password_hash = $1->>'old'
            RETURNING id),
        {noted("'password-changed'", "user", "u")}
       SELECT jsonb_build_object('id', u.id) FROM u""",
)
_END_SESSIONS = Statement(
    "users.end_sessions",
    f"""WITH u AS (
            UPDATE cms.users SET sessions_generation = cms.next_generation(sessions_generation)
            WHERE id = ($1->>'id')::uuid
            RETURNING id),
        {noted("'logged-out-everywhere'", "user", "u")}
       SELECT jsonb_build_object('id', u.id) FROM u""",
)
_LOCK_OWNERS = Statement(
    "users.lock_owners",
    """WITH u AS (SELECT id FROM cms.users
                 WHERE role = 'owner' AND deactivated_at IS NULL ORDER BY id FOR UPDATE)
       SELECT jsonb_build_object('id', u.id) FROM u""",
)


@dataclass(frozen=True)
class Account:
    """`sessions_generation`: sessions that began with another one are over."""

    user: User
    password_hash: str = field(repr=False)
    sessions_generation: int


class UserRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def by_email(self, tenant_id: UUID, email: str) -> Account | None:
        return _account(await self.database.query(tenant_id, _BY_EMAIL, email=email))

    async def by_id(self, tenant_id: UUID, user_id: UUID) -> Account | None:
        return _account(await self.database.query(tenant_id, _BY_ID, id=user_id))

    async def replace_password(self, tenant_id: UUID, user_id: UUID, old: str, new: str) -> bool:
        """Takes hashes. False where the old one is not the user's any more."""
        values = {"id": user_id, "old": old, "new": new}
        return bool(await self.database.query(tenant_id, _REPLACE_PASSWORD, **values))

    async def end_sessions(self, tenant_id: UUID, user_id: UUID) -> bool:
        return bool(await self.database.query(tenant_id, _END_SESSIONS, id=user_id))

    async def get(self, tenant_id: UUID, user_id: UUID) -> User | None:
        rows = await self.database.query(tenant_id, _GET, id=user_id)
        return _user(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[User]:
        rows = await self.database.query(tenant_id, _LIST, **page_values(limit, after))
        return [_user(row) for row in rows]

    async def subject(self, tenant_id: UUID, user_id: UUID) -> Subject | None:
        """None for a user who is not there or not active."""
        rows = await self.database.query(tenant_id, _SUBJECT, id=user_id)
        if not rows:
            return None
        name = rows[0]["role"]
        return Subject(f"The role {name}", granted(name, rows[0]["rules"]), user_id)

    async def insert(
        self, tenant_id: UUID, user_id: UUID, email: str, password_hash: str, role: str
    ) -> User:
        """Raises Conflict for an address that is taken."""
        try:
            rows = await self.database.query(
                tenant_id, _INSERT, id=user_id, email=email, passwordHash=password_hash, role=role
            )
        except asyncpg.UniqueViolationError:
            raise Conflict("There is a user with this e-mail address.") from None
        except asyncpg.ForeignKeyViolationError:
            raise Conflict(OVERTAKEN) from None  # the role has been deleted
        return _user(rows[0])

    async def owner_ids(self, transaction: Transaction) -> set[UUID]:
        """Locks them until the transaction ends."""
        return {UUID(row["id"]) for row in await transaction.query(_LOCK_OWNERS)}

    async def lock(self, transaction: Transaction, user_id: UUID) -> User | None:
        rows = await transaction.query(_LOCK, id=user_id)
        return _user(rows[0]) if rows else None

    async def update(
        self,
        transaction: Transaction,
        user_id: UUID,
        password_hash: str | None,
        role: str | None,
        active: bool | None,  # noqa: FBT001 - None leaves it as it is
    ) -> User:
        try:
            rows = await transaction.query(
                _UPDATE, id=user_id, passwordHash=password_hash, role=role, active=active
            )
        except asyncpg.ForeignKeyViolationError:
            raise Conflict(OVERTAKEN) from None  # the role has been deleted
        return _user(rows[0])

    async def delete(self, transaction: Transaction, user_id: UUID) -> None:
        await transaction.query(_DELETE, id=user_id)


def _account(rows: list[dict[str, Any]]) -> Account | None:
    if not rows:
        return None
    password_hash, generation = (
        rows[0].pop(name) for name in ("passwordHash", "sessionsGeneration")
    )
    return Account(_user(rows[0]), password_hash, generation)


def _user(row: dict[str, Any]) -> User:
    return User.model_validate(row)
