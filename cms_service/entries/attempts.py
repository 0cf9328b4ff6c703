"""Writes that hold only while the entry and its type are as they were read, and what becomes of
them when another write comes in between.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cms_service.core.errors import OVERTAKEN, Conflict, PreconditionFailed
from cms_service.entries.schemas import Entry
from cms_service.entries.seen import Seen

Result = TypeVar("Result")

_ATTEMPTS = 3


async def until_current(attempt: Callable[[], Awaitable[Result | None]]) -> Result:
    """Calls `attempt`, which reads and then writes, again while it returns None: another write came
    in between. Raises Conflict where that happens too often.
    """
    for _ in range(_ATTEMPTS):
        if (done := await attempt()) is not None:
            return done
    raise overtaken()


def overtaken() -> Conflict:
    return Conflict(OVERTAKEN)


def check_seen(entry: Entry, if_seen: Seen | None) -> None:
    """Raises PreconditionFailed."""
    if if_seen is None or if_seen.holds(entry.version, entry.rewritten):
        return
    by_now = (
        "has been rewritten by a change of its type"
        if if_seen.version == entry.version
        else f"is at version {entry.version} by now"
    )
    raise PreconditionFailed(f"The entry {by_now}.", headers={"ETag": entry.etag})
