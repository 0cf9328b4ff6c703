"""What is planned becomes due, in all tenants. Every pod looks for it; the database sees to it that
each thing is done once.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission
from cms_service.content_types.schemas import ContentType
from cms_service.content_types.service import ContentTypeService
from cms_service.core.acting import acting
from cms_service.core.background.due import Outcome, in_turn
from cms_service.core.background.resting import Resting
from cms_service.core.errors import (
    OVERTAKEN,
    Conflict,
    NotFound,
    Problem,
    Unauthorized,
    Unavailable,
)
from cms_service.core.postgres.transaction import Transaction
from cms_service.entries.repository import EntryRepository
from cms_service.entries.service import EntryService
from cms_service.entries.visibility import about
from cms_service.schedules.planners import Planners
from cms_service.schedules.repository import Claim, Due, ScheduleRepository
from cms_service.schedules.schemas import Action

logger = logging.getLogger(__name__)

_BATCH = 50


@dataclass(frozen=True)
class PublishOnTime:
    """`shuffle` lets pods that see the same list begin at different places of it."""

    schedules: ScheduleRepository
    entries: EntryService
    repository: EntryRepository
    content_types: ContentTypeService
    planners: Planners
    shuffle: Callable[[list[Due]], None]
    resting: Resting

    async def run_once(self) -> bool:
        batch = await self.schedules.due(_BATCH, self.resting.now())
        self.shuffle(batch)
        return await in_turn(batch, self._do, self.resting) and len(batch) == _BATCH

    async def _do(self, due: Due) -> Outcome:
        """Raises Unavailable."""
        names = await self.schedules.names(due)
        if names is None:
            return Outcome.LATER
        try:
            content_type = await self.content_types.get(due.tenant_id, names.type)
        except NotFound:
            return Outcome.LATER
        claim: Claim | None = None
        try:
            async with self.schedules.database.transaction(due.tenant_id) as transaction:
                claim = await self.schedules.claim(transaction, due)
                if claim is None:
                    return Outcome.LATER
                acting.set(claim.planner)
                with transaction.joined():
                    planner = await self.planners.actor(due.tenant_id, names.tenant, claim.planner)
                await self._carry_out(transaction, due, claim, content_type, planner)
                await self.schedules.done(transaction, due)
        except Unavailable:
            raise
        except Problem as problem:
            if claim is None or _may_work_later(problem):
                return Outcome.LATER
            await self.schedules.fail(due, claim, _reason(problem))
            logger.warning("a scheduled %s failed", due.action, extra=due.place)
            return Outcome.DONE
        finally:
            acting.set(None)
        logger.info("a scheduled %s was done", due.action, extra=due.place)
        return Outcome.DONE

    async def _carry_out(
        self,
        transaction: Transaction,
        due: Due,
        claim: Claim,
        content_type: ContentType,
        planner: Actor,
    ) -> None:
        occasion = {"scheduledFor": claim.due_at}
        entry = await self.repository.get(
            due.tenant_id, content_type.name, due.entry_id, transaction
        )
        if entry is None:
            raise Conflict(OVERTAKEN)
        planner.check(Permission.PUBLISH_ENTRIES, about(planner, content_type.name, entry))
        if due.action is Action.UNPUBLISH:
            await self.repository.unpublish(
                due.tenant_id, due.entry_id, None, transaction, occasion
            )
        elif not await self.entries.publish_unchecked(
            due.tenant_id, content_type, entry, transaction, occasion
        ):
            raise Conflict(OVERTAKEN)  # the type was changed meanwhile


def _may_work_later(problem: Problem) -> bool:
    """The one who asked for it has just gone, or others came in between."""
    return isinstance(problem, Unauthorized) or problem.detail == OVERTAKEN


def _reason(problem: Problem) -> str:
    errors = "; ".join(f"{error.pointer} {error.detail}" for error in problem.errors)
    return f"{problem.detail} {errors}".strip()
