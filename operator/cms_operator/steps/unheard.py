"""When it is told that the API server does not say what a source Secret holds."""

from datetime import datetime, timedelta

from cms_operator.api.conditions import Reason
from cms_operator.api.problem import Problem
from cms_operator.api.timestamps import to_text
from cms_operator.cluster.sources import Late
from cms_operator.rollout.report import PATIENCE

# So long it does for a CMS that serves to know what its Secrets said last.
LONGEST_SILENCE = timedelta(minutes=5)


def unheard(late: Late, now: datetime, *, known: bool) -> Problem | None:
    """A server that is unwell for a moment is no news. `known`: what it said before is used."""
    if now - late.since < (LONGEST_SILENCE if known else PATIENCE):
        return None
    reason = Reason.SECRET_UNREADABLE
    since = to_text(late.since)
    what = f"The API server cannot tell a Secret since {since}: {late.error.message}."
    return Problem(reason, f"{what} {reason.advice}")
