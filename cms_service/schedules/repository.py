# ruff: noqa: S608 - the statements are put together from constants of this module
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from cms_service.audit.statements import noted
from cms_service.core.acting import Principal, PrincipalKind
from cms_service.core.background.due import DueEntry
from cms_service.core.errors import user_gone
from cms_service.core.postgres.database import Database
from cms_service.core.postgres.statements import Statement
from cms_service.core.postgres.transaction import Transaction
from cms_service.schedules.schemas import Action, NewSchedule, Schedule, ScheduledAction

_JSON = """jsonb_build_object('action', s.action, 'at', s.due_at, 'createdAt', s.created_at,
    'createdBy', s.created_by, 'failedAt', s.failed_at, 'failure', s.failure)"""

# Whoever changes what is scheduled locks the entry first, as the one does that carries it out.
_LOCKED = """e AS (
    SELECT e.tenant_id, e.id FROM cms.entries e
    JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
    WHERE e.id = ($1->>'id')::uuid AND t.name = $1->>'type' FOR NO KEY UPDATE OF e)"""
_WANTED_NOTE = "jsonb_build_object('publishAt', $1->'publishAt', 'unpublishAt', $1->'unpublishAt')"

_GET = Statement(
    "schedules.get",
    f"""SELECT {_JSON} FROM cms.entry_schedules s
        WHERE s.entry_id = ($1->>'id')::uuid ORDER BY s.due_at""",
)
_PUT = Statement(
    "schedules.put",
    f"""WITH {_LOCKED},
        wanted AS (
            SELECT * FROM (VALUES ('publish', ($1->>'publishAt')::timestamptz),
                                  ('unpublish', ($1->>'unpublishAt')::timestamptz))
                AS w(action, due_at)
            WHERE due_at IS NOT NULL),
        chosen AS (
            SELECT * FROM e WHERE NOT EXISTS (SELECT FROM wanted WHERE due_at <= now())),
        gone AS (
            DELETE FROM cms.entry_schedules s USING chosen
            WHERE s.entry_id = chosen.id AND s.action NOT IN (SELECT action FROM wanted)),
        s AS (
            INSERT INTO cms.entry_schedules (tenant_id, entry_id, action, due_at, created_by,
                                              planner_id, planner_kind)
            SELECT chosen.tenant_id, chosen.id, wanted.action, wanted.due_at,
                   ($1->>'actingUser')::uuid, ($1->>'actor')::uuid, $1->>'actorKind'
            FROM chosen CROSS JOIN wanted
            ON CONFLICT (tenant_id, entry_id, action) DO UPDATE
                SET due_at = excluded.due_at, created_at = now(),
                    created_by = excluded.created_by, planner_id = excluded.planner_id,
                    planner_kind = excluded.planner_kind, failed_at = NULL, failure = NULL
            RETURNING *),
        {noted("'scheduled'", "entry", "chosen", _WANTED_NOTE)}
        SELECT {_JSON} FROM s ORDER BY s.due_at""",
)
_DELETE = Statement(
    "schedules.delete",
    f"""WITH {_LOCKED},
        gone AS (
            DELETE FROM cms.entry_schedules s USING e WHERE s.entry_id = e.id
            RETURNING s.entry_id),
        changed AS (SELECT DISTINCT entry_id AS id FROM gone),
        {noted("'unscheduled'", "entry", "changed")}
        SELECT to_jsonb(e.id) FROM e""",
)

_DUE = "SELECT tenant_id, entry_id, action FROM cms.due_schedules($1, $2)"
_NAMES = Statement(
    "schedules.names",
    """SELECT jsonb_build_object('tenant', n.name, 'type', t.name) FROM cms.entries e
       JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
       JOIN cms.tenants n ON n.id = e.tenant_id
       WHERE e.id = ($1->>'id')::uuid""",
)
# What was to be done before this comes first. Nobody waits: another pod is at work on
# it, or an editor, and its turn comes again. Nor does what follows wait for long, in a tenant in
# which somebody writes.
_CLAIM = Statement(
    "schedules.claim",
    """WITH claimed AS (
           SELECT s.due_at, s.planner_id, s.planner_kind FROM cms.entries e
           JOIN cms.entry_schedules s ON s.tenant_id = e.tenant_id AND s.entry_id = e.id
           JOIN cms.content_types t ON t.tenant_id = e.tenant_id AND t.id = e.content_type_id
           WHERE s.entry_id = ($1->>'id')::uuid AND s.action = $1->>'action'
             AND s.failed_at IS NULL AND s.due_at <= now()
             AND NOT EXISTS (
                 SELECT FROM cms.entry_schedules o
                 WHERE o.entry_id = s.entry_id AND o.failed_at IS NULL AND o.due_at < s.due_at)
           FOR NO KEY UPDATE OF e, s SKIP LOCKED FOR KEY SHARE OF t SKIP LOCKED)
       SELECT jsonb_build_object('dueAt', due_at, 'plannerId', planner_id,
                                 'plannerKind', planner_kind,
                                 'patience', set_config('lock_timeout', '1s', true))
       FROM claimed""",
)
_DONE = Statement(
    "schedules.done",
    """WITH gone AS (
           DELETE FROM cms.entry_schedules
           WHERE entry_id = ($1->>'id')::uuid AND action = $1->>'action' RETURNING 1)
       SELECT to_jsonb(count(*)) FROM gone""",
)
_FAIL = Statement(
    "schedules.fail",
    f"""WITH failed AS (
            UPDATE cms.entry_schedules
            SET failed_at = now(), failure = left($1->>'failure', 1000)
            WHERE entry_id = ($1->>'id')::uuid AND action = $1->>'action' AND failed_at IS NULL
              AND due_at = ($1->>'dueAt')::timestamptz
            RETURNING entry_id AS id, failure, due_at),
        {
        noted(
            "($1->>'action') || '-failed'",
            "entry",
            "failed",
            "jsonb_build_object('scheduledFor', due_at, 'failure', failure)",
        )
    }
        SELECT to_jsonb(count(*)) FROM failed""",
)


@dataclass(frozen=True)
class Due(DueEntry):
    action: Action


@dataclass(frozen=True)
class Names:
    tenant: str
    type: str


@dataclass(frozen=True)
class Claim:
    """`due_at` is PostgreSQL's own text."""

    due_at: str
    planner: Principal


class ScheduleRepository:
    def __init__(self, database: Database) -> None:
        self.database = database

    async def get(self, tenant_id: UUID, entry_id: UUID) -> Schedule:
        rows = await self.database.query(tenant_id, _GET, id=entry_id)
        return Schedule(actions=[ScheduledAction.model_validate(row) for row in rows])

    async def put(
        self, tenant_id: UUID, type_name: str, entry_id: UUID, wanted: NewSchedule
    ) -> Schedule | None:
        """None where there is no such entry, or a time has passed."""
        times = wanted.model_dump(mode="json", by_alias=True)
        try:
            rows = await self.database.query(tenant_id, _PUT, type=type_name, id=entry_id, **times)
        except asyncpg.ForeignKeyViolationError:
            raise user_gone() from None
        actions = [ScheduledAction.model_validate(row) for row in rows]
        return Schedule(actions=actions) if actions else None

    async def delete(self, tenant_id: UUID, type_name: str, entry_id: UUID) -> bool:
        return bool(await self.database.query(tenant_id, _DELETE, type=type_name, id=entry_id))

    async def due(self, limit: int, without: Sequence[UUID]) -> list[Due]:
        """What is due in all tenants, without those entries."""
        rows = await self.database.fetch("schedules.due", _DUE, limit, without)
        return [
            Due(UUID(str(row["tenant_id"])), UUID(str(row["entry_id"])), Action(row["action"]))
            for row in rows
        ]

    async def names(self, due: Due) -> Names | None:
        rows = await self.database.query(due.tenant_id, _NAMES, id=due.entry_id)
        return Names(rows[0]["tenant"], rows[0]["type"]) if rows else None

    async def claim(self, transaction: Transaction, due: Due) -> Claim | None:
        """Until the transaction ends nobody else does it, or changes the entry."""
        rows = await transaction.query(_CLAIM, id=due.entry_id, action=due.action)
        if not rows:
            return None
        row = rows[0]
        planner = Principal(PrincipalKind(row["plannerKind"]), UUID(row["plannerId"]))
        return Claim(row["dueAt"], planner)

    async def done(self, transaction: Transaction, due: Due) -> None:
        await transaction.query(_DONE, id=due.entry_id, action=due.action)

    async def fail(self, due: Due, claim: Claim, failure: str) -> None:
        await self.database.query(
            due.tenant_id,
            _FAIL,
            id=due.entry_id,
            action=due.action,
            dueAt=claim.due_at,
            failure=failure,
        )
