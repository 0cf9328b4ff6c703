"""When what was refused, or has failed, is tried again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cms_operator.api.conditions import Condition, ConditionType

# It is tried again after a sixth of the time for which it has not gone well.
_PARTS_OF_AN_AGE = 6


@dataclass(frozen=True, slots=True)
class Pauses:
    shortest: timedelta
    longest: timedelta


REFUSED = Pauses(timedelta(seconds=10), timedelta(minutes=2))
# Meanwhile the Job that has failed is there with its logs.
MIGRATION = Pauses(timedelta(minutes=1), timedelta(minutes=5))


def retry_after(
    conditions: Iterable[Condition], about: ConditionType, now: datetime, pauses: Pauses = REFUSED
) -> float:
    """Seconds until what `about` tells of is tried again: the rarer the longer it has been False,
    for thousands may be refused for hours, and nobody tells when that ends.
    """
    since = next(
        (
            one.last_transition_time
            for one in conditions
            if (one.type, one.status) == (about, "False")
        ),
        now,
    )
    wait = max(pauses.shortest, (now - since) / _PARTS_OF_AN_AGE)
    return min(wait, pauses.longest).total_seconds()
