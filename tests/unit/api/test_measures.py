"""Measures that others give: what may be asked for, and what is refused."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from cms_operator.api.fields.measures import Measure, Measures
from cms_operator.api.schema import structural_schema
from tests.support.measures import BAD_MEASURES, PROMETHEUS, QUERY, WEBHOOK, BadMeasure


def parse(measure: dict[str, Any]) -> Measure:
    return Measure.model_validate(measure, extra="forbid", by_alias=True, by_name=False)


@pytest.mark.parametrize("bad", BAD_MEASURES, ids=str)
def test_refused(bad: BadMeasure) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(bad.measure)
    (problem,) = refused.value.errors()
    field = problem.get("ctx", {}).get("field")
    where = [*map(str, problem["loc"]), *([field] if field else [])]
    assert ".".join(where) == bad.where
    assert bad.words in problem["msg"]


@pytest.mark.parametrize(
    "measure",
    [
        PROMETHEUS,
        WEBHOOK,
        {**PROMETHEUS, "max": 5, "min": "5.0"},
        {"name": "hits", "prometheus": QUERY, "min": "-0.5"},
        {"name": "braces", "prometheus": {"query": '{__name__=~"a{2}"} > 0 {'}, "max": 0},
        {
            "name": "all",
            "prometheus": {"query": "{{namespace}}{{name}}{{candidate}}{{stable}}"},
            "max": 0,
        },
        {**WEBHOOK, "webhook": {"service": "judge", "path": "/posts?limit=1&a=%20"}},
    ],
)
def test_accepted(measure: dict[str, Any]) -> None:
    assert parse(measure).to_json().items() >= {"name": measure["name"]}.items()


def test_without_more_words_no_failure_and_four_errors_are_tolerated() -> None:
    measure = parse(PROMETHEUS)
    assert (measure.failure_limit, measure.consecutive_error_limit) == (0, 4)
    assert not measure.dry_run


def test_a_limit_is_stored_as_it_was_written() -> None:
    assert parse({**PROMETHEUS, "max": 5, "min": "0.50"}).to_json().items() >= {
        ("max", 5),
        ("min", "0.50"),
    }


def test_names_differ_and_ten_are_enough() -> None:
    measures = TypeAdapter(Measures)
    with pytest.raises(ValidationError, match='name "errors" is there more than once'):
        measures.validate_python((PROMETHEUS, PROMETHEUS))
    with pytest.raises(ValidationError, match="at most 10"):
        measures.validate_python(tuple({**WEBHOOK, "name": f"m{n}"} for n in range(11)))


def test_every_field_is_explained_and_every_text_bounded() -> None:
    schema = structural_schema(Measure)
    groups = [schema, *(schema["properties"][name] for name in ("prometheus", "webhook"))]
    for name, field in (item for group in groups for item in group["properties"].items()):
        assert len(field["description"]) > 10, name
        if field.get("type") == "string":
            assert field["maxLength"] <= 2048, name
