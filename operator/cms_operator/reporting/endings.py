"""Which rollout has ended between two reports."""

from datetime import datetime
from typing import NamedTuple

from cms_operator.api.status import RolloutStatus
from cms_operator.rollout.transitions import is_in_flight

OUTCOMES = ("Completed", "Aborted", "Superseded")


class End(NamedTuple):
    strategy: str
    outcome: str
    seconds: float


def ended(before: RolloutStatus | None, after: RolloutStatus | None, now: datetime) -> End | None:
    """The rollout that was under way before and is no longer. Its outcome is one of OUTCOMES:
    Superseded also where another took its place.
    """
    if before is None or not is_in_flight(before):
        return None
    same = after is not None and (after.revision, after.started_at) == (
        before.revision,
        before.started_at,
    )
    if same and is_in_flight(after):
        return None
    outcome = after.phase if after is not None and same else "Superseded"
    return End(before.strategy, outcome, max(0.0, (now - before.started_at).total_seconds()))
