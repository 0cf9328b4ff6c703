"""The weight as the pods have seen it."""

import pytest

from cms_operator.rollout.observed import observed_weight


@pytest.mark.parametrize(
    ("candidate", "stable", "expected"),
    [(0, 0, None), (9, 10, None), (0, 100, 0), (34, 66, 34), (1, 299, 0), (50, 0, 100)],
)
def test_a_share_is_told_where_there_are_requests_enough(
    candidate: float, stable: float, expected: int | None
) -> None:
    assert observed_weight(candidate, stable) == expected
