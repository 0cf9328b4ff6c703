# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from cms_service.api_keys.keys import KnownKey
from cms_service.api_keys.schemas import ApiKey
from cms_service.audit.statements import noted
from cms_service.auth.permissions import Subject
from cms_service.core.errors import OVERTAKEN, Conflict
from cms_service.core.paging.cursor import Cursor
from cms_service.core.paging.newest import newest_first, page_values
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.roles.rules import RuleBody, granted, to_store

_JSON = """jsonb_build_object('id', k.id, 'name', k.name, 'role', k.role_name, 'rules', k.rules,
    'createdAt', k.created_at, 'createdBy', k.created_by, 'expiresAt', k.expires_at,
    'lastUsedAt', k.last_used_at)"""

_NOTE = "jsonb_build_object('name', name, 'role', role_name)"

_KNOWN = Statement(
    "api_keys.known",
    """SELECT jsonb_build_object('name', k.name, 'role', k.role_name,
                                 'rules', coalesce(k.rules, r.rules),
                                 'hash', encode(k.secret_hash, 'hex'),
                                 'expiresAt', extract(epoch FROM k.expires_at))
       FROM cms.api_keys k
       LEFT JOIN cms.roles r ON r.tenant_id = k.tenant_id AND r.name = k.custom_role
       WHERE k.id = ($1->>'id')::uuid""",
)
_LIST = Statement(
    "api_keys.list",
    f"SELECT {_JSON} FROM cms.api_keys k WHERE {newest_first('k')}",
)
_GET = Statement(
    "api_keys.get", f"SELECT {_JSON} FROM cms.api_keys k WHERE k.id = ($1->>'id')::uuid"
)
_INSERT = Statement(
    "api_keys.insert",
    f"""WITH k AS (
            INSERT INTO cms.api_keys (tenant_id, id, name, secret_hash, role_name, rules,
                                      expires_at, created_by)
            VALUES (($1->>'tenant')::uuid, ($1->>'id')::uuid, $1->>'name',
                    decode($1->>'hash', 'hex'), $1->>'role', nullif($1->'rules', 'null'),
                    ($1->>'expiresAt')::timestamptz, ($1->>'createdBy')::uuid)
            RETURNING *),
        {noted("'created'", "api-key", "k", _NOTE)}
        SELECT {_JSON} FROM k""",
)
_DELETE = Statement(
    "api_keys.delete",
    f"""WITH k AS (DELETE FROM cms.api_keys WHERE id = ($1->>'id')::uuid RETURNING *),
        {noted("'deleted'", "api-key", "k", _NOTE)}
       SELECT jsonb_build_object('id', k.id) FROM k""",
)
_NOTE_USE = Statement(
    "api_keys.note_use",
    """WITH k AS (
           UPDATE cms.api_keys SET last_used_at = now()
           WHERE id = ($1->>'id')::uuid
             AND (last_used_at IS NULL OR last_used_at < now() - interval '30 minutes')
           RETURNING id)
       SELECT jsonb_build_object('id', k.id) FROM k""",
)


class ApiKeyRepository:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, tenant_id: UUID, key_id: UUID) -> KnownKey | None:
        rows = await self._database.query(tenant_id, _KNOWN, id=key_id)
        if not rows:
            return None
        row = rows[0]
        subject = Subject(f"The API key {row['name']}", granted(row["role"], row["rules"]))
        return KnownKey(subject, bytes.fromhex(row["hash"]), row["expiresAt"])

    async def get(self, tenant_id: UUID, key_id: UUID) -> ApiKey | None:
        rows = await self._database.query(tenant_id, _GET, id=key_id)
        return _key(rows[0]) if rows else None

    async def page(self, tenant_id: UUID, limit: int, after: Cursor | None) -> list[ApiKey]:
        rows = await self._database.query(tenant_id, _LIST, **page_values(limit, after))
        return [_key(row) for row in rows]

    async def insert(  # noqa: PLR0913 - one for each column
        self,
        tenant_id: UUID,
        key_id: UUID,
        *,
        name: str,
        secret_hash: bytes,
        role: str | None,
        rules: Sequence[RuleBody] | None,
        expires_at: datetime | None,
        created_by: UUID | None,
    ) -> ApiKey:
        try:
            rows = await self._database.query(
                tenant_id,
                _INSERT,
                id=key_id,
                name=name,
                hash=secret_hash.hex(),
                role=role,
                rules=None if rules is None else to_store(rules),
                expiresAt=expires_at,
                createdBy=created_by,
            )
        except asyncpg.ForeignKeyViolationError:
            raise Conflict(OVERTAKEN) from None  # the role or the user has been deleted
        return _key(rows[0])

    async def delete(self, transaction: Transaction, key_id: UUID) -> bool:
        return bool(await transaction.query(_DELETE, id=key_id))

    async def note_use(self, tenant_id: UUID, key_id: UUID) -> None:
        await self._database.query(tenant_id, _NOTE_USE, id=key_id)


def _key(row: dict[str, Any]) -> ApiKey:
    return ApiKey.model_validate(row)
