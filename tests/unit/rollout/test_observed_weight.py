"""The weight as the pods have seen it."""

import pytest

from cms_operator.api.analysis_status import AnalysisStatus, IntervalStatus, TallyStatus
from cms_operator.api.status import RolloutPhase
from cms_operator.rollout.transitions import enter, measured, observed_weight
from tests.unit.rollout.pictures import NOON, picture, serving


@pytest.mark.parametrize(
    ("candidate", "stable", "expected"),
    [(0, 0, None), (9, 10, None), (0, 100, 0), (34, 66, 34), (1, 299, 0), (50, 0, 100)],
)
def test_a_share_is_told_where_there_are_requests_enough(
    candidate: float, stable: float, expected: int | None
) -> None:
    assert observed_weight(candidate, stable) == expected


def test_a_rollout_shows_the_share_that_its_pods_saw_in_the_last_interval() -> None:
    begun = picture(3, "b", "a", revisions={"a": serving(3)}).progress
    assert begun is not None
    intervals = tuple(
        IntervalStatus(
            at=NOON,
            candidate=TallyStatus(requests=candidate),
            stable=TallyStatus(requests=stable),
        )
        for candidate, stable in ((0, 900), (30, 70))
    )
    found = AnalysisStatus(since=NOON, intervals=intervals)
    assert measured(begun, found).observed_weight == 30
    assert measured(begun, AnalysisStatus(since=NOON)).observed_weight is None


@pytest.mark.parametrize(
    ("phase", "expected"), [("Baking", 30), ("Completed", None), ("Aborted", None)]
)
def test_a_share_is_told_of_a_rollout_that_is_under_way(
    phase: RolloutPhase, expected: int | None
) -> None:
    begun = picture(3, "b", "a", revisions={"a": serving(3)}).progress
    assert begun is not None
    seen = begun.model_copy(update={"observed_weight": 30})
    assert enter(seen, phase, NOON).observed_weight == expected
