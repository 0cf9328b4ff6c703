"""What was refused or has failed is tried again, soon and then ever more rarely."""

import pytest

from cms_operator.api.conditions import ConditionType, Reason, condition
from cms_operator.reconcile.retries import MIGRATION, REFUSED, Pauses, retry_after
from tests.unit.rollout.pictures import NOON, later


@pytest.mark.parametrize(
    ("pauses", "status", "age", "wait"),
    [
        pytest.param(REFUSED, True, 3600, 10, id="it was well before"),
        pytest.param(REFUSED, False, 0, 10, id="it has just begun"),
        pytest.param(REFUSED, False, 60, 10, id="a minute"),
        pytest.param(REFUSED, False, 300, 50, id="five minutes"),
        pytest.param(REFUSED, False, 3600, 120, id="an hour"),
        pytest.param(MIGRATION, False, 60, 60, id="a migration, a minute"),
        pytest.param(MIGRATION, False, 900, 150, id="a migration, a quarter of an hour"),
        pytest.param(MIGRATION, False, 86_400, 300, id="a migration, a day"),
    ],
)
def test_what_does_not_go_well_is_tried_again_the_rarer_the_longer_it_lasts(
    pauses: Pauses, age: int, wait: float, *, status: bool
) -> None:
    kind = ConditionType.CHILDREN_OWNED
    since = later(-age)
    told = condition(kind, status, Reason.API_REFUSED, "", generation=1, now=since)
    other = condition(ConditionType.READY, False, Reason.API_REFUSED, "", generation=1, now=since)  # noqa: FBT003
    assert retry_after([other, told], kind, NOON, pauses) == wait
