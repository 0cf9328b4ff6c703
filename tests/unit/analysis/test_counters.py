"""Counters as pods have them: they begin anew, come and go, and are read with gaps."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from cms_operator.rollout.analysis.counters import Counts, Opening, PodSample, Tally, WarmUp, tally
from tests.unit.rollout.pictures import NOON, later

COLD = WarmUp(0)


def counts(requests: int, errors: int = 0) -> Counts:
    return Counts(requests, errors, requests, {1000: requests})


def pod(
    uid: str, requests: int, errors: int = 0, *, ready: float = -3600, process: float = 1
) -> PodSample:
    return PodSample(uid, "b", later(ready), (0, process), counts(requests, errors))


def opened(*pods: PodSample) -> Opening:
    return Opening(NOON, {found.uid: found for found in pods})


def requests(opening: Opening, *read: PodSample) -> int:
    return tally(opening, read, "b", COLD).counts.requests


def test_what_came_since_the_last_look_counts() -> None:
    found = tally(opened(pod("1", 100, 5)), [pod("1", 130, 7)], "b", COLD)
    assert (found.pods, found.counts.requests, found.counts.errors) == (1, 30, 2)
    assert found.counts.within == {1000: 30}


def test_a_restarted_container_counts_from_zero() -> None:
    assert requests(opened(pod("1", 100)), pod("1", 130, process=2)) == 130


def test_a_counter_that_went_back_counts_from_zero() -> None:
    assert requests(opened(pod("1", 100)), pod("1", 30)) == 30


def test_a_pod_that_got_ready_meanwhile_counts_from_its_start() -> None:
    assert requests(opened(), pod("1", 40, ready=3)) == 40


def test_a_pod_that_was_there_unseen_counts_from_the_next_look() -> None:
    opening = opened()
    assert requests(opening, pod("1", 40)) == 0
    following = opening.followed_by(later(10), [pod("1", 40)], {"1"})
    assert requests(following, pod("1", 45)) == 5


def test_a_pod_that_gave_no_answer_once_loses_nothing() -> None:
    unread = opened(pod("1", 40)).followed_by(later(10), [], {"1"})
    assert requests(unread, pod("1", 55)) == 15


def test_a_pod_that_went_takes_its_count_along() -> None:
    gone = opened(pod("1", 40)).followed_by(later(10), [], set())
    assert gone.pods == {}
    assert tally(gone, [], "b", COLD) == Tally()


def test_latency_counts_when_a_pod_is_warm() -> None:
    young, old = pod("1", 10, ready=-20), pod("2", 10, ready=-40)
    opening = opened(pod("1", 0, ready=-20), pod("2", 0, ready=-40))
    found = tally(opening, [young, old], "b", WarmUp(30))
    assert (found.counts.requests, found.warm.timed) == (20, 10)


def test_a_pod_is_cold_when_the_first_traffic_meets_it() -> None:
    opening = opened(pod("1", 0))
    switched = WarmUp(30, NOON - timedelta(seconds=10))
    assert tally(opening, [pod("1", 10)], "b", switched).warm.timed == 0


def test_a_pod_that_comes_long_after_the_first_traffic_is_cold_all_the_same() -> None:
    opening = opened(pod("1", 0, ready=-20))
    begun = WarmUp(30, NOON - timedelta(seconds=600))
    assert tally(opening, [pod("1", 10, ready=-20)], "b", begun).warm.timed == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=30))
def test_no_request_is_counted_twice_and_none_is_lost_but_at_a_restart(
    course: list[tuple[int, bool]],
) -> None:
    opening, total, process, seen, served = opened(pod("1", 0)), 0, 1, 0, 0
    for new, restarts in course:
        if restarts:
            process, total = process + 1, 0
        total += new
        served += new
        now = pod("1", total, process=process)
        seen += requests(opening, now)
        opening = opening.followed_by(later(1), [now], {"1"})
    assert seen == served


@given(st.integers(0, 100), st.integers(0, 100), st.integers(0, 100), st.integers(0, 100))
def test_a_difference_is_never_negative(a: int, b: int, c: int, d: int) -> None:
    found = Counts(a, b, a, {1: b}).since(Counts(c, d, c, {1: d}))
    assert min(found.requests, found.errors, found.timed, *found.within.values()) >= 0


@given(st.integers(0, 9000), st.integers(0, 9000), st.integers(0, 9000))
def test_fewer_requests_keep_their_shares_and_look_no_better(
    all_: int, bad: int, fast: int
) -> None:
    bad, fast = min(bad, all_), min(fast, all_)
    found = Counts(all_, bad, all_, {1000: fast}).at_most(1000)
    assert found.requests == found.timed == min(all_, 1000)
    assert bad * found.requests <= found.errors * all_ <= bad * found.requests + all_
    assert fast * found.timed - all_ <= found.within[1000] * all_ <= fast * found.timed
