"""Requests to the API server keep to the pace that was set."""

from hypothesis import given
from hypothesis import strategies as st

from cms_operator.cluster.transport.pace import BURST_SECONDS, Pace


def test_without_a_limit_no_request_waits() -> None:
    pace = Pace(0, lambda: 0.0)
    assert [pace.take() for _ in range(1000)] == [0.0] * 1000


def test_after_a_burst_requests_wait_for_their_turn() -> None:
    pace = Pace(10, lambda: 0.0)
    waits = [round(pace.take(), 3) for _ in range(22)]
    assert waits == [0.0] * 20 + [0.1, 0.2]


def test_the_slowest_pace_lets_the_first_request_go_at_once() -> None:
    pace = Pace(1, lambda: 0.0)
    assert pace.take() == 0.0


@given(
    st.integers(1, 100),
    st.lists(st.floats(0, 2, allow_nan=False), min_size=1, max_size=200),
)
def test_no_second_sees_more_than_the_limit_and_the_burst(limit: int, pauses: list[float]) -> None:
    now = 0.0
    pace = Pace(limit, lambda: now)
    sent = []
    for pause in pauses:
        now += pause
        sent.append(now + pace.take())
    for first in sent:
        within = sum(first <= moment < first + 1 for moment in sent)
        assert within <= limit * (1 + BURST_SECONDS) + 1
