"""Which rollout a report shows to be over, and how it has ended."""

from datetime import timedelta

import pytest

from cms_operator.api.status import RolloutPhase, RolloutStatus
from cms_operator.reporting.endings import End, ended
from tests.unit.rollout.pictures import NOON

LATER = NOON + timedelta(minutes=5)


def rollout(phase: RolloutPhase, revision: str = "b", minute: int = 0) -> RolloutStatus:
    began = NOON + timedelta(minutes=minute)
    return RolloutStatus(
        revision=revision, strategy="Canary", phase=phase, started_at=began, since=began
    )


@pytest.mark.parametrize(
    ("before", "after", "outcome"),
    [
        (None, rollout("Progressing"), None),
        (None, rollout("Completed"), None),
        (rollout("Progressing"), rollout("Baking"), None),
        (rollout("Baking"), rollout("Completed"), "Completed"),
        (rollout("Paused"), rollout("Aborted"), "Aborted"),
        (rollout("Paused"), rollout("Superseded"), "Superseded"),
        (rollout("Paused"), rollout("Progressing", "c", 4), "Superseded"),
        (rollout("Paused"), rollout("Progressing", "b", 4), "Superseded"),
        (rollout("Paused"), None, "Superseded"),
        (rollout("Completed"), rollout("Completed"), None),
        (rollout("Aborted"), rollout("Progressing", "c", 4), None),
    ],
)
def test_each_ending_is_told_once(
    before: RolloutStatus | None, after: RolloutStatus | None, outcome: str | None
) -> None:
    assert ended(before, after, LATER) == (End("Canary", outcome, 300.0) if outcome else None)
