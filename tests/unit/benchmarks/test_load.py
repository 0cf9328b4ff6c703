"""The load test counts what happened, and sends what was planned."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load.client import Load, Tally, rounded
from benchmarks.load.plan import Phase, Route, arrivals
from benchmarks.load.report import faults, percentile, report

PHASES = (Phase("slow", 200, 5), Phase("fast", 100, 50))
ROUTES = (Route("read", "GET", "/read", 0.75), Route("write", "POST", "/write", 0.25, 201, b"{}"))
SHARES = {route.name: route.share for route in ROUTES}
LOAD = Load("http://127.0.0.1", ROUTES, PHASES, 2, 0.0)


def test_all_processes_together_send_what_was_planned() -> None:
    sent = [each for seed in range(2) for each in arrivals(PHASES, SHARES, 0.5, seed)]
    by_phase = Counter(each.phase for each in sent)
    assert by_phase["slow"] == pytest.approx(1000, rel=0.15)
    assert by_phase["fast"] == pytest.approx(5000, rel=0.1)
    assert Counter(each.route for each in sent)["write"] == pytest.approx(1500, rel=0.15)


def test_a_process_sends_in_order_and_in_its_phase() -> None:
    planned = list(arrivals(PHASES, SHARES, 1, seed=3))
    assert planned == sorted(planned, key=lambda each: each.due)
    assert all((each.due < 200) == (each.phase == "slow") for each in planned)
    assert planned[-1].due < 300


def test_a_write_has_a_length_and_a_read_has_none() -> None:
    read, write = (route.encode("cms.example") for route in ROUTES)
    assert read == b"GET /read HTTP/1.1\r\nHost: cms.example\r\n\r\n"
    assert write.endswith(b"Content-Length: 2\r\n\r\n{}")


@given(st.floats(min_value=0, max_value=100))
def test_a_time_is_kept_to_a_tenth(seconds: float) -> None:
    microseconds = seconds * 1e6
    assert microseconds * 0.9 - 1 <= rounded(seconds) <= microseconds + 1


def test_percentiles_are_of_all_answers() -> None:
    times = Counter({1000: 98, 5000: 1, 90_000: 1})
    assert [percentile(times, share) for share in (0.5, 0.99, 1.0)] == [1, 5, 90]
    assert percentile(Counter(), 0.99) == 0


def test_a_load_without_a_fault_passes() -> None:
    tally = Tally(microseconds={("slow", "read"): Counter({1000: 10})}, instances=Counter(api1=10))
    assert faults(tally) == []
    assert "| slow | read | 0.1 | 10 | 0 | 1 | 1 | 1 | 1 |" in report(LOAD, tally)
    assert "- api1: 100.0% of the answers" in report(LOAD, tally)


@pytest.mark.parametrize(
    ("tally", "told"),
    [
        (Tally(failures=Counter({("fast", "write", "status 502"): 3})), "3 x write in fast"),
        (Tally(refused=7), "7 requests were not sent"),
        (Tally(behind=Counter({50_000: 10})), "the clients are slow"),
    ],
)
def test_a_fault_is_told_and_does_not_pass(tally: Tally, told: str) -> None:
    (fault,) = faults(tally)
    assert told in fault
    assert fault in report(LOAD, tally)
