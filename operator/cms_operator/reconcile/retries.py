"""When what was refused is tried again."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from cms_operator.api.conditions import Condition, ConditionType

# What was refused is tried again after a sixth of the time for which it has been.
_PARTS_OF_AN_AGE = 6
FIRST_RETRY = timedelta(seconds=10)
LONGEST_RETRY = timedelta(minutes=2)


def retry_after(conditions: Iterable[Condition], about: ConditionType, now: datetime) -> float:
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
    wait = max(FIRST_RETRY, (now - since) / _PARTS_OF_AN_AGE)
    return min(wait, LONGEST_RETRY).total_seconds()
