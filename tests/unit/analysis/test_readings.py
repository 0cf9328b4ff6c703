"""Pure: queries that are filled in, answers that are judged, texts that may stand in a status."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_operator.api.fields.measures import Measure
from cms_operator.rollout.analysis import prometheus, webhook
from cms_operator.rollout.analysis.readings import MeasureContext, Reading, readable
from tests.support.measures import WEBHOOK

CONTEXT = MeasureContext("team-a", "shop", "5d9fa1b2c3", "77b0c1d2e3", 1, 3)
ASKED = Measure.model_validate(WEBHOOK)


def within(least: str | int | None = None, most: str | int | None = None) -> Measure:
    limits = {"min": least, "max": most}
    return Measure.model_validate(
        {"name": "errors", "prometheus": {"query": "up"}}
        | {key: value for key, value in limits.items() if value is not None}
    )


def vector(*samples: str) -> dict[str, Any]:
    """An answer to an instant query as Prometheus documents it."""
    result = [
        {"metric": {"__name__": "up", "job": "node"}, "value": [1435781451.781, sample]}
        for sample in samples
    ]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def result(kind: str, value: Any) -> dict[str, Any]:
    return {"status": "success", "data": {"resultType": kind, "result": value}}


def test_every_placeholder_gets_its_name() -> None:
    query = 'a{n="{{namespace}}",i="{{name}}"} / b{r=~"{{candidate}}|{{stable}}"} > {{name}}'
    assert prometheus.fill(query, CONTEXT) == (
        'a{n="team-a",i="shop"} / b{r=~"5d9fa1b2c3|77b0c1d2e3"} > shop'
    )


@given(st.from_regex(r"[-a-zA-Z0-9]{0,5}.?[-a-zA-Z0-9]{0,5}", fullmatch=True) | st.text())
def test_no_name_breaks_out_of_a_query(name: str) -> None:
    context = MeasureContext("team-a", name, "5d9f", "77b0", 1, 3)
    try:
        query = prometheus.fill("up{a=\"{{name}}\",b='{{name}}',c=`{{name}}`}", context)
    except ValueError:
        return
    assert query == f"up{{a=\"{name}\",b='{name}',c=`{name}`}}"
    assert re.fullmatch("[-a-zA-Z0-9]+", name)


@pytest.mark.parametrize(
    "name",
    ['a"} or vector(0) #', "a\\", "a`", "a'", "a\n", "a.*", "a|b", "{{stable}}", "", "é", "a" * 64],
)
def test_what_could_end_a_string_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="characters that a query may not get"):
        prometheus.fill('up{a="{{candidate}}"}', MeasureContext("n", "n", name, "s", 1, 1))


@pytest.mark.parametrize(
    ("measure", "sample", "passed"),
    [
        (within(most="0.05"), "0.05", True),
        (within(most="0.05"), "0.050001", False),
        (within(most=5), "5e+00", True),
        (within(least="0.9"), "0.9", True),
        (within(least="0.9"), "0.89", False),
        (within(least=-1, most=1), "0", True),
        (within(least=-1, most=1), "-2", False),
        (within(least=-1, most=1), "2", False),
    ],
)
def test_a_sample_is_held_against_the_limits(
    measure: Measure, sample: str, *, passed: bool
) -> None:
    for answer in (vector(sample), result("scalar", [1435781451.781, sample])):
        found = prometheus.judge(measure, answer)
        assert found == Reading("errors", value=float(sample), passed=passed)


@pytest.mark.parametrize(
    ("measure", "sample", "passed"),
    [
        (within(most=1), "+Inf", False),
        (within(least=1), "+Inf", True),
        (within(most=1), "-Inf", True),
    ],
)
def test_an_infinite_sample_is_judged_but_is_no_value(
    measure: Measure, sample: str, *, passed: bool
) -> None:
    found = prometheus.judge(measure, vector(sample))
    assert (found.value, found.passed, found.error) == (None, passed, "")
    assert sample.lower() in found.detail


@pytest.mark.parametrize(("answer", "words"), [(vector(), "no data"), (vector("NaN"), "NaN")])
def test_no_data_is_neither_good_nor_bad(answer: dict[str, Any], words: str) -> None:
    found = prometheus.judge(within(most=1), answer)
    assert (found.value, found.passed, found.error) == (None, None, "")
    assert words in found.detail


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (vector("1", "0"), "found 2 series"),
        (vector("high"), "no number"),
        (result("matrix", [{"metric": {}, "values": [[1, "1"]]}]), "a matrix"),
        (result("string", [1, "1"]), "a string"),
        (result("vector", [{"metric": {}, "histogram": [1, {"count": "2"}]}]), "a vector"),
        (result("vector", [{"metric": {}, "value": [1, 1]}]), "a vector"),
        (
            {"status": "error", "errorType": "bad_data", "error": "1:5: parse error: \x1b[2J"},
            "Prometheus refused: 1:5: parse error: [2J",
        ),
        ({"status": "success"}, "none of its API"),
        ({"status": "error", "error": None}, "none of its API"),
        ([], "none of its API"),
        ("up", "none of its API"),
        (None, "none of its API"),
    ],
)
def test_an_answer_that_is_no_single_number_is_an_error(answer: Any, words: str) -> None:
    found = prometheus.judge(within(most=1), answer)
    assert (found.value, found.passed, found.detail) == (None, None, "")
    assert words in found.error


@pytest.mark.parametrize(
    ("answer", "passed", "detail"),
    [
        ({"verdict": "pass"}, True, "pass"),
        ({"verdict": "fail", "message": "12 orders lost"}, False, "12 orders lost"),
        ({"verdict": "inconclusive", "message": ""}, None, "inconclusive"),
        ({"verdict": "pass", "message": None, "more": 1}, True, "pass"),
        ({"verdict": "pass", "message": {"a": 1}}, True, "pass"),
        ({"verdict": "fail", "message": "a\r\n\x1b[31mb\u202ec\0"}, False, "a [31mb c"),
    ],
)
def test_a_webhook_gives_the_verdict(answer: Any, passed: bool | None, detail: str) -> None:  # noqa: FBT001
    assert webhook.judge(ASKED, answer) == Reading("orders", passed=passed, detail=detail)


@pytest.mark.parametrize(
    "answer", [{}, [], None, "pass", {"verdict": "PASS"}, {"verdict": True}, {"verdict": ["pass"]}]
)
def test_anything_else_is_no_verdict(answer: Any) -> None:
    found = webhook.judge(ASKED, answer)
    assert found.passed is None
    assert "the webhook gave no" in found.error


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "value", "verdict"]), inner
        )
    ),
)


@given(ANYTHING)
def test_an_answer_of_any_shape_is_read_and_is_no_verdict_by_accident(answer: Any) -> None:
    assert prometheus.judge(within(most=1), answer).passed is None
    found = webhook.judge(ASKED, answer)
    assert (found.passed is None) or answer["verdict"] in {"pass", "fail"}


@given(st.text())
def test_a_readable_text_is_one_short_line_without_control_characters(text: str) -> None:
    line = readable(text)
    assert len(line) <= 200
    assert line.isprintable()
    assert readable(line) == line


def test_a_long_text_shows_that_it_was_cut() -> None:
    assert readable("a" * 300) == "a" * 199 + "…"
