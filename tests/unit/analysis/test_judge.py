"""Intervals become a verdict that a person can read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.analysis_status import AnalysisStatus, MeasureStatus
from cms_operator.api.fields.analysis import Analysis, BuiltIn
from cms_operator.rollout.analysis import pods
from cms_operator.rollout.analysis.counters import Counts, Tally
from cms_operator.rollout.analysis.judge import Measured, fold, is_suspicious
from cms_operator.rollout.analysis.pods import PodState
from cms_operator.rollout.analysis.readings import Reading
from tests.unit.rollout.pictures import NOON

BEGUN = AnalysisStatus(since=NOON)
FAST, SLOW = 10_000, 1_000_000


def settings(**spec: Any) -> Analysis:
    return Analysis.model_validate(spec, strict=False)


def did(requests: int, errors: int = 0, slow: int = 0, **found: Any) -> Tally:
    """`slow` of the requests took more than ten milliseconds, and less than a second."""
    within = {5000: requests - slow, FAST: requests - slow, 25_000: requests - slow}
    within |= {50_000: requests - slow, SLOW: requests}
    counts = Counts(requests, errors, requests, within)
    return replace(Tally(1, counts, counts), **found)


def judged(*intervals: Measured, before: AnalysisStatus = BEGUN, **spec: Any) -> AnalysisStatus:
    found = before
    for measured in intervals:
        found = fold(found, measured, settings(**spec), NOON)
    return found


def measure(found: AnalysisStatus, name: str) -> MeasureStatus:
    return next(item for item in found.measures if item.name == name)


def both(candidate: Tally, stable: Tally | None = None, **found: Any) -> Measured:
    return Measured(candidate, did(1000) if stable is None else stable, **found)


GOOD = both(did(500))
ERRORS = both(did(500, 25))


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        pytest.param([GOOD] * 3, "Successful", id="equal to stable"),
        pytest.param([both(did(10))], "NoData", id="too few requests"),
        pytest.param([ERRORS] * 2, "Failed", id="5 % errors"),
        pytest.param([GOOD] * 30 + [ERRORS] * 2, "Failed", id="5 % errors after a good while"),
        pytest.param([both(did(500, 25), did(1000, 50))] * 9, "Successful", id="as many in both"),
        pytest.param([both(did(500, 4), did(1000, 0))] * 9, "Successful", id="below what may be"),
        pytest.param([both(did(3, 1))] * 1, "NoData", id="one error of three requests"),
        pytest.param([both(did(0))] * 9, "NoData", id="no traffic at all"),
        pytest.param([GOOD] + [both(did(500, 0, 50))] * 3, "Failed", id="10 % slow"),
        pytest.param(
            [GOOD] + [both(did(500, 0, 50), did(1000, 0, 100))] * 3, "Successful", id="slow in both"
        ),
        pytest.param([both(did(500, 0, 250), Tally())] * 9, "Successful", id="nothing to compare"),
        pytest.param(
            [both(Tally(), did(1000))] + [both(did(500, 25), Tally())] * 3,
            "Failed",
            id="in the bake",
        ),
        pytest.param(
            [both(Tally(), did(1000, 20))] + [both(did(500, 20), Tally())] * 5,
            "Successful",
            id="in the bake, no more than stable had",
        ),
        pytest.param([both(did(500, without_database=1))] * 2, "Failed", id="no database"),
        pytest.param(
            [both(did(500, 200, without_database=1), did(500, 0, without_database=1))] * 9,
            "Inconclusive",
            id="neither has a database",
        ),
        pytest.param([both(did(500, without_cache=1))] * 2, "Failed", id="no cache"),
        pytest.param(
            [both(did(500, without_database=1)), GOOD] * 5, "Successful", id="sooner seen"
        ),
        pytest.param([both(Tally(), unread="away")] * 4, "NoData", id="not read four times"),
        pytest.param([both(Tally(), unread="away")] * 5, "Error", id="not read five times"),
        pytest.param([*[both(Tally(), unread="away")] * 5, GOOD], "Successful", id="read again"),
    ],
)  # fmt: skip
def test_the_verdict(intervals: list[Measured], verdict: str) -> None:
    assert judged(*intervals).verdict == verdict


def test_an_interval_tells_every_measure_that_is_always_there_and_no_other() -> None:
    of_kubelet = pods.readings(
        {}, {"a": PodState("new", ready=True, restarts=0, was_ready=True)}, "new", "old"
    )
    found = judged(both(did(500), readings=of_kubelet))
    assert sorted(item.name for item in found.measures) == sorted(BuiltIn)


def test_a_verdict_names_the_measure_both_values_the_limit_and_the_samples() -> None:
    found = judged(*[both(did(500, 25), did(1000, 1))] * 2)
    assert found.message == (
        "errors: 5 % of 1000 requests of the candidate and 0.1 % of 2000 of stable failed "
        "(status 5xx); allowed: 1 %, and 2 times stable's."
    )
    errors = measure(found, "errors")
    assert (errors.candidate, errors.stable, errors.samples) == ("5 %", "0.1 %", 1000)


def test_a_verdict_on_health_names_the_same() -> None:
    found = judged(GOOD, *[both(did(500, pods=3, without_database=2), did(500, pods=2))] * 2)
    assert found.message == (
        "database: 2 of 3 pods of the candidate cannot use the database, 0 of 2 of stable; "
        "2 of 3 measurements failed; allowed: failureLimit 1 in a row."
    )
    database = measure(found, "database")
    assert (database.candidate, database.stable, database.samples) == ("2", "0", 3)
    assert database.limit == "failureLimit 1 in a row"


def test_a_verdict_on_restarts_names_the_same() -> None:
    of_kubelet = (Reading("restarts", 1, 0, passed=False, detail="candidate: 1 restarts"),)
    found = judged(*[both(did(500), readings=of_kubelet)] * 3, restarts={"failureLimit": 2})
    assert found.message == (
        "restarts: candidate: 1 restarts; 3 of 3 measurements failed; allowed: failureLimit 2."
    )
    restarts = measure(found, "restarts")
    assert (restarts.candidate, restarts.stable, restarts.samples) == ("1", "0", 3)


def test_a_latency_is_told_in_milliseconds() -> None:
    found = judged(GOOD, *[both(did(500, 0, 50))] * 3)
    assert "latency-p99: 7.5 % of 2000 requests" in found.message
    assert "took longer than 25 ms" in found.message


def test_a_dry_run_decides_nothing_and_says_what_it_would_have_done() -> None:
    found = judged(*[ERRORS] * 3, errors={"dryRun": True})
    assert found.verdict == "Successful"
    assert measure(found, "errors").failures == 1
    assert measure(found, "errors").message.startswith("Decides nothing (dryRun): 5 % of")


def test_other_limits_are_followed() -> None:
    assert judged(*[ERRORS] * 9, errors={"maxPercent": 10}).verdict == "Successful"
    few = both(did(5000, 25), did(5000, 0))
    assert judged(*[few] * 9).verdict == "Successful"
    assert judged(*[few] * 9, errors={"maxPercent": "0.1"}).verdict == "Failed"


def test_before_its_step_only_stable_is_kept() -> None:
    found = fold(BEGUN, ERRORS, settings(), NOON, judged=False)
    assert (found.baseline.requests, found.measures, found.samples) == (1000, (), 0)


EXTERNAL = {"name": "carts", "prometheus": {"query": "up"}, "max": 5}
AWAY, BAD, FINE = (
    Reading("carts", error="no route"), Reading("carts", 7.0, passed=False),
    Reading("carts", 3.0, passed=True),
)  # fmt: skip


@pytest.mark.parametrize(
    ("readings", "verdict"),
    [
        ([FINE], "Successful"),
        ([BAD], "Failed"),
        ([AWAY] * 4, "Inconclusive"),
        ([AWAY] * 5, "Error"),
        ([AWAY] * 4 + [FINE], "Successful"),
        ([Reading("carts", detail="no data")], "Inconclusive"),
    ],
)
def test_a_provider_that_is_away_is_no_bad_release(readings: list[Reading], verdict: str) -> None:
    intervals = [both(did(500), readings=(reading,)) for reading in readings]
    assert judged(*intervals, measures=[EXTERNAL]).verdict == verdict


def test_failures_of_a_provider_add_up_to_its_limit() -> None:
    intervals = [both(did(500), readings=(reading,)) for reading in (BAD, FINE, BAD, FINE, BAD)]
    tolerant = EXTERNAL | {"failureLimit": 2}
    assert judged(*intervals[:4], measures=[tolerant]).verdict == "Successful"
    found = judged(*intervals, measures=[tolerant])
    assert (found.verdict, found.message) == (
        "Failed",
        "carts: 7; 3 of 5 measurements failed; allowed: at most 5, failureLimit 2.",
    )


def test_a_measure_that_was_taken_out_of_the_spec_decides_nothing() -> None:
    found = judged(both(did(500), readings=(BAD,)), measures=[EXTERNAL | {"failureLimit": 5}])
    assert found.verdict == "Inconclusive"
    assert judged(GOOD, before=found).verdict == "Successful"


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (GOOD, False),
        (ERRORS, True),
        (both(did(500, 25), did(1000, 50)), False),
        pytest.param(both(did(50, 3), did(1000)), True, id="a few errors, none of stable's"),
        pytest.param(both(did(50, 2), did(1000)), False, id="two errors may be chance"),
        pytest.param(both(did(50, slow=30), did(1000)), True, id="most are slow"),
    ],
)
def test_where_something_may_be_wrong_it_looks_sooner(interval: Measured, expected: bool) -> None:  # noqa: FBT001 - the parameter of a test
    assert is_suspicious(judged(GOOD, interval), settings()) is expected


TALLIES = st.builds(
    did,
    st.integers(100, 5000),
    st.integers(0, 100),
    st.integers(0, 100),
    pods=st.integers(0, 3),
    without_database=st.integers(0, 1),
)


@given(st.lists(st.builds(Measured, TALLIES, TALLIES), max_size=15))
def test_whatever_is_measured_the_status_is_whole_and_survives_its_own_writing(
    intervals: list[Measured],
) -> None:
    found = judged(*intervals)
    assert AnalysisStatus.model_validate(found.to_json(), strict=False) == found
    assert len(found.intervals) <= 10


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 100)), max_size=30))
def test_one_that_is_never_worse_is_never_taken_back(course: list[tuple[int, int]]) -> None:
    """Whatever happens to both at once."""
    intervals = [
        both(did(requests, min(errors, requests)), did(2 * requests, 2 * min(errors, requests)))
        for requests, errors in course
    ]
    assert judged(*intervals).verdict != "Failed"
