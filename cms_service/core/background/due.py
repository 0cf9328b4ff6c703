"""What is due in many tenants, of which none shall wait for another one."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar
from uuid import UUID

from cms_service.core.background.resting import Resting
from cms_service.core.errors import Unavailable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DueEntry:
    """Was due when it was looked for."""

    tenant_id: UUID
    entry_id: UUID

    @property
    def place(self) -> dict[str, str]:
        """What the log says of it."""
        return {"tenantId": str(self.tenant_id), "entryId": str(self.entry_id)}


Due = TypeVar("Due", bound=DueEntry)


class Outcome(Enum):
    """`DONE` for good or ill; `LATER`: it is somebody else's just now; `BUSY`: so is more of its
    tenant.
    """

    DONE = "done"
    LATER = "later"
    BUSY = "busy"


async def in_turn(
    batch: Sequence[Due], do: Callable[[Due], Awaitable[Outcome]], resting: Resting
) -> bool:
    """Whether any is done with. What is not done rests, and of a tenant that is busy no more is
    tried. An error is the matter of the entry that meets it.
    """
    busy: set[UUID] = set()
    any_done = False
    for due in batch:
        if due.tenant_id in busy:
            continue
        outcome = await _tried(due, do)
        if outcome is Outcome.DONE:
            any_done = True
        else:
            resting.add(due.entry_id)
        if outcome is Outcome.BUSY:
            busy.add(due.tenant_id)
    return any_done


async def _tried(due: Due, do: Callable[[Due], Awaitable[Outcome]]) -> Outcome:
    try:
        return await do(due)
    except Unavailable:
        return Outcome.BUSY
    except Exception:
        logger.exception("what is due could not be done", extra=due.place)
        return Outcome.LATER
