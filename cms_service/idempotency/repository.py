from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction

_WAIT_MILLISECONDS = 3_000
_CLAIM = """SELECT claimed, fingerprint, status, headers, body
    FROM cms.claim_idempotency_key($1, $2, $3, $4, $5)"""
_KEEP = """UPDATE cms.idempotency_keys SET status = $4, headers = $5::jsonb, body = $6
    WHERE tenant_id = $1 AND principal_id = $2 AND key = $3"""
_DUE = "SELECT found.tenant_id FROM cms.due_answers($1) AS found(tenant_id)"
_FORGET = Statement(
    "idempotency.forget",
    """WITH gone AS (
           DELETE FROM cms.idempotency_keys k WHERE k.ctid IN (
               SELECT o.ctid FROM cms.idempotency_keys o
               WHERE o.created_at < now() - interval '24 hours'
               ORDER BY o.created_at LIMIT ($1->>'limit')::int FOR UPDATE SKIP LOCKED)
           RETURNING k.key)
       SELECT to_jsonb(count(*)) FROM gone""",
)


class KeyInUseError(Exception):
    """Another request holds the key and is not done yet."""


@dataclass(frozen=True)
class ScopedKey:
    tenant_id: UUID
    principal_id: UUID
    text: str


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Kept:
    """An answer, and the fingerprint of the request that got it."""

    fingerprint: bytes
    answer: Answer


async def claim(transaction: Transaction, key: ScopedKey, fingerprint: bytes) -> Kept | None:
    """None: the key is new, and held until the transaction ends. Raises KeyInUseError."""
    values = (key.tenant_id, key.principal_id, key.text, fingerprint, _WAIT_MILLISECONDS)
    try:
        rows = await transaction.fetch("idempotency.claim", _CLAIM, *values)
    except asyncpg.LockNotAvailableError:
        raise KeyInUseError from None
    found = rows[0]
    if found["claimed"]:
        return None
    answer = Answer(found["status"], orjson.loads(found["headers"]), found["body"])
    return Kept(found["fingerprint"], answer)


async def keep(transaction: Transaction, key: ScopedKey, answer: Answer) -> None:
    headers = orjson.dumps(answer.headers).decode()
    values = (key.tenant_id, key.principal_id, key.text, answer.status, headers, answer.body)
    await transaction.fetch("idempotency.keep", _KEEP, *values)


async def due(database: Database, limit: int) -> list[UUID]:
    """Tenants that have answers older than a day, among so many of the oldest."""
    rows = await database.fetch("idempotency.due", _DUE, limit)
    return [UUID(str(row["tenant_id"])) for row in rows]


async def forget(database: Database, tenant_id: UUID, limit: int) -> int:
    """How many answers older than a day were taken away; other pods may do so at the same time."""
    rows: list[Any] = await database.query(tenant_id, _FORGET, limit=limit)
    gone: int = rows[0]
    return gone
