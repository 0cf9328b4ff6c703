"""When a step that waits for a verdict is over."""

from typing import Any

import pytest

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.fields.analysis import Analysis, AnalysisStep
from cms_operator.rollout.analysis.conclusion import conclude
from tests.unit.rollout.pictures import NOON, later

WAITS, PASSES = ("", None, False), ("", None, True)
FAILS = ("Too li", None, False)


def end(
    seconds: float, found: dict[str, Any], count: int = 3, **spec: Any
) -> tuple[str, str | None, bool]:
    status = AnalysisStatus.model_validate({"since": NOON, **found}, strict=False)
    settings = Analysis.model_validate(spec, strict=False)
    ended = conclude(status, AnalysisStep(count=count), 100, settings, later(seconds))
    return ended.failure[:6], ended.held, ended.passed


def found(verdict: str, measurements: int = 3, samples: int = 100, errors: int = 0) -> Any:
    return {
        "verdict": verdict, "measurements": measurements, "samples": samples,
        "consecutiveErrors": errors,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "status", "spec", "expected"),
    [
        pytest.param(30, found("Successful"), {}, PASSES, id="enough"),
        pytest.param(30, found("Successful", measurements=2), {}, WAITS, id="too few looks"),
        pytest.param(30, found("Successful", samples=99), {}, WAITS, id="too few requests"),
        pytest.param(30, found("Successful", errors=1), {}, WAITS, id="the last look failed"),
        pytest.param(30, found("Inconclusive"), {}, WAITS, id="something may be wrong"),
        pytest.param(300, found("Inconclusive"), {}, ("", "Inconclusive", False), id="still"),
        pytest.param(300, found("NoData", samples=0), {}, ("", "NoData", False), id="pause"),
        pytest.param(900, found("NoData", samples=0), {"onNoData": "Extend"}, WAITS, id="extend"),
        pytest.param(300, found("NoData"), {"onNoData": "Fail"}, PASSES, id="enough after all"),
        pytest.param(300, found("NoData", 3, 0), {"onNoData": "Fail"}, FAILS, id="fail"),
        pytest.param(9, found("Error"), {}, ("", "Error", False), id="error"),
        pytest.param(9, found("Error"), {"onError": "Extend"}, WAITS, id="error, extend"),
        pytest.param(9, found("Error") | {"held": "NoData"}, {}, ("", "NoData", False), id="held"),
    ],
)  # fmt: skip
def test_how_it_ends(
    seconds: float, status: Any, spec: dict[str, Any], expected: tuple[str, str | None, bool]
) -> None:
    assert end(seconds, status, **spec) == expected


@pytest.mark.parametrize(
    ("seconds", "status", "expected"),
    [
        pytest.param(590, found("Successful", 59, 9000), WAITS, id="its time has not come"),
        pytest.param(640, found("Successful", 59, 9000), WAITS, id="intervals took longer"),
        pytest.param(640, found("Successful", 60, 9000), PASSES, id="all are good"),
        pytest.param(640, found("NoData", 60, 5), ("", "NoData", False), id="all, of too little"),
        pytest.param(1200, found("NoData", 59, 5), ("", "NoData", False), id="they do not come"),
    ],
)
def test_a_step_of_many_measurements_is_given_the_time_for_them(
    seconds: float, status: Any, expected: tuple[str, str | None, bool]
) -> None:
    """Ten minutes of proof, with the usual noDataSeconds of five."""
    assert end(seconds, status, count=60) == expected


def test_an_error_that_is_to_fail_says_why() -> None:
    away = found("Error") | {"message": "No answer: away"}
    assert end(9, away, onError="Fail") == ("No ans", None, False)


def test_before_the_first_look_it_waits() -> None:
    assert not conclude(None, AnalysisStep(), 0, Analysis(), NOON).passed
