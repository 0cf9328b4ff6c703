"""What was refused is tried again, at once and then ever more rarely."""

import pytest

from cms_operator.api.conditions import ConditionType, Reason, condition
from cms_operator.reconcile.retries import retry_after
from tests.unit.rollout.pictures import NOON, later


@pytest.mark.parametrize(
    ("status", "age", "wait"),
    [
        (True, 3600, 10),
        (False, 0, 10),
        (False, 60, 10),
        (False, 300, 50),
        (False, 3600, 120),
    ],
    ids=["it was well before", "it has just begun", "a minute", "five minutes", "an hour"],
)
def test_what_was_refused_is_tried_again_the_rarer_the_longer_it_lasts(
    age: int, wait: float, *, status: bool
) -> None:
    kind = ConditionType.CHILDREN_OWNED
    since = later(-age)
    told = condition(kind, status, Reason.API_REFUSED, "", generation=1, now=since)
    other = condition(ConditionType.READY, False, Reason.API_REFUSED, "", generation=1, now=since)  # noqa: FBT003
    assert retry_after([other, told], kind, NOON) == wait
