"""Never more than the burst and the rate, and never less for those who keep to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.core.rate_limiting import gcra
from cms_service.core.rate_limiting.gcra import SECOND, Rule, per_minute

RULES = st.builds(Rule, st.integers(1, 50), st.integers(1, 2 * SECOND))
GAPS = st.lists(st.integers(0, 3 * SECOND), max_size=200)


@given(RULES, GAPS)
def test_no_stretch_of_time_has_more_than_the_burst_and_its_share(
    rule: Rule, gaps: list[int]
) -> None:
    tat, now, admitted = 0, 10**12, []
    for gap in gaps:
        now += gap
        after = gcra.take(rule, tat, now)
        assert (after is not None) == (gcra.remaining(rule, tat, now) > 0)
        if after is None:
            wait = gcra.retry_after(rule, tat, now)
            assert gcra.take(rule, tat, now + wait - 1) is None
            assert gcra.take(rule, tat, now + wait) is not None
        else:
            tat = after
            admitted.append(now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            elapsed = admitted[last] - admitted[first]
            assert last - first + 1 <= rule.burst + elapsed // rule.interval


@given(RULES, st.lists(st.integers(0, SECOND), max_size=100))
def test_who_keeps_to_the_rate_is_never_refused(rule: Rule, pauses: list[int]) -> None:
    tat, now = 0, 10**12
    for pause in pauses:
        now += rule.interval + pause
        after = gcra.take(rule, tat, now)
        assert after is not None
        tat = after


@given(RULES, st.integers(0, 20))
def test_what_is_given_back_was_never_taken(rule: Rule, quantity: int) -> None:
    now = 10**12
    charged = gcra.charge(rule, 0, now, quantity)
    assert gcra.remaining(rule, charged, now) == max(0, rule.burst - quantity)
    assert gcra.charge(rule, charged, now, -quantity) == now


@pytest.mark.parametrize("quota", [1, 7, 60, 999_999, 6_000_000])
def test_a_quota_is_never_rounded_up(quota: int) -> None:
    rule = per_minute(quota)
    assert rule is not None
    assert rule.burst == quota
    assert rule.window >= 60 * SECOND
    assert per_minute(0) is None
