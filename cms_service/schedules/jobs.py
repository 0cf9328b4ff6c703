"""What becomes due by itself, in all tenants. Every pod looks for it; the database sees to it that
each thing is done once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from cms_service.audit.repository import AuditRepository
from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.acting import acting
from cms_service.core.database import Scope
from cms_service.core.errors import (
    OVERTAKEN,
    Conflict,
    NotFound,
    Problem,
    Unauthorized,
    Unavailable,
)
from cms_service.entries.repository import EntryRepository
from cms_service.entries.service import EntryService
from cms_service.entries.visibility import about
from cms_service.recycle_bin.repository import BinRepository
from cms_service.schedules.planners import Planners
from cms_service.schedules.repository import Claim, Due, ScheduleRepository
from cms_service.schedules.schemas import Action

logger = logging.getLogger(__name__)

BATCH = 50


@dataclass(frozen=True)
class PublishOnTime:
    """`shuffle` lets pods that see the same list begin at different places of it."""

    schedules: ScheduleRepository
    entries: EntryService
    repository: EntryRepository
    content_types: ContentTypeService
    planners: Planners
    shuffle: Callable[[list[Due]], None]

    async def run_once(self) -> bool:
        batch = await self.schedules.due(BATCH)
        self.shuffle(batch)
        done = [await self._do(due) for due in batch]
        return len(batch) == BATCH and any(done)

    async def _do(self, due: Due) -> bool:
        """Whether it is done with, for good or ill."""
        names = await self.schedules.names(due)
        if names is None:
            return False
        try:
            content_type = await self.content_types.get(due.tenant_id, names.type)
        except NotFound:
            return False
        claim: Claim | None = None
        try:
            async with self.schedules.database.transaction(due.tenant_id) as scope:
                claim = await self.schedules.claim(scope, due)
                if claim is None:
                    return False
                acting.set(claim.planner)
                with scope.joined():
                    planner = await self.planners.actor(due.tenant_id, names.tenant, claim.planner)
                await self._carry_out(scope, due, claim, content_type, planner)
                await self.schedules.done(scope, due)
        except Problem as problem:
            if claim is None or _may_work_later(problem):
                return False
            await self.schedules.fail(due, claim, _reason(problem))
            logger.warning("a scheduled %s failed", due.action, extra=_place(due))
            return True
        finally:
            acting.set(None)
        logger.info("a scheduled %s was done", due.action, extra=_place(due))
        return True

    async def _carry_out(
        self, scope: Scope, due: Due, claim: Claim, content_type: ContentType, planner: Actor
    ) -> None:
        occasion = {"scheduledFor": claim.due_at}
        entry = await self.repository.get(due.tenant_id, content_type.name, due.entry_id, scope)
        if entry is None:
            raise Conflict(OVERTAKEN)
        planner.check(Permission.PUBLISH_ENTRIES, about(planner, content_type.name, entry))
        if due.action is Action.UNPUBLISH:
            await self.repository.unpublish(due.tenant_id, due.entry_id, None, scope, occasion)
        elif not await self.entries.publish_once(
            due.tenant_id, content_type, entry, scope, occasion
        ):
            raise Conflict(OVERTAKEN)  # the type was changed meanwhile


@dataclass(frozen=True)
class EmptyBins:
    bin: BinRepository
    days: int

    async def run_once(self) -> bool:
        batch = await self.bin.due(self.days, BATCH)
        for tenant_id, entry_id in batch:
            await self.bin.purge_due(tenant_id, entry_id, self.days)
        return len(batch) == BATCH


@dataclass(frozen=True)
class ShortenAuditLog:
    audit: AuditRepository
    days: int

    async def run_once(self) -> bool:
        return await self.audit.purge(self.days, BATCH) == BATCH


def _may_work_later(problem: Problem) -> bool:
    """The database is away, the one who asked for it has just gone, others came in between."""
    return isinstance(problem, Unavailable | Unauthorized) or problem.detail == OVERTAKEN


def _reason(problem: Problem) -> str:
    errors = "; ".join(f"{error.pointer} {error.detail}" for error in problem.errors)
    return f"{problem.detail} {errors}".strip()


def _place(due: Due) -> dict[str, str]:
    return {"tenantId": str(due.tenant_id), "entryId": str(due.entry_id)}
