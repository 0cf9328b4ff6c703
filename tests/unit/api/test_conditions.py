"""Conditions as kubectl wait, Argo CD and Flux read them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.conditions import (
    LONGEST_MESSAGE,
    MOST_CONDITIONS,
    Condition,
    ConditionType,
    Reason,
    condition,
    set_condition,
)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


def ready(*, status: bool | None = True, when: datetime = NOON, message: str = "") -> Condition:
    reason = Reason.READY if status else Reason.ROLLING_OUT
    return condition(ConditionType.READY, status, reason, message, generation=1, now=when)


def test_the_time_stays_while_the_status_stays() -> None:
    (kept,) = set_condition((ready(),), ready(when=LATER, message="still"))
    assert (kept.last_transition_time, kept.message) == (NOON, "still")


def test_the_time_moves_when_the_status_changes() -> None:
    (changed,) = set_condition((ready(),), ready(status=False, when=LATER))
    assert (changed.last_transition_time, changed.status) == (LATER, "False")


def test_others_are_left_alone() -> None:
    stalled = condition(ConditionType.STALLED, None, Reason.NOT_STALLED, "", generation=1, now=NOON)
    both = set_condition((stalled,), ready())
    assert [item.type for item in both] == ["Stalled", "Ready"]
    assert set_condition(both, ready()) == both


def test_what_nobody_knows_is_unknown() -> None:
    assert ready(status=None).status == "Unknown"


def test_a_condition_as_the_api_server_stores_it() -> None:
    assert ready(message="All pods serve.").to_json() == {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "All pods serve.",
        "observedGeneration": 1,
        "lastTransitionTime": "2026-11-23T12:00:00Z",
    }


@given(st.text(max_size=3 * LONGEST_MESSAGE))
def test_no_message_is_too_long_for_the_schema(message: str) -> None:
    assert len(ready(message=message).message) <= LONGEST_MESSAGE


def test_conditions_that_nobody_knows_any_more_do_not_pile_up() -> None:
    found: tuple[Condition, ...] = ()
    for number in range(MOST_CONDITIONS + 5):
        found = set_condition(found, ready().model_copy(update={"type": f"Old{number}"}))
    found = set_condition(found, ready())
    assert len(found) == MOST_CONDITIONS
    assert found[-1].type == "Ready"


@pytest.mark.parametrize("word", [*ConditionType, *Reason], ids=str)
def test_every_word_says_what_it_means(word: ConditionType | Reason) -> None:
    assert word.isalnum()
    assert word[0].isupper()
    assert word.help.endswith(".")


@pytest.mark.parametrize("reason", Reason, ids=str)
def test_every_reason_says_what_to_do(reason: Reason) -> None:
    assert reason.advice.endswith(".")
    assert reason.advice[0].isupper()
