"""Patterns of tenants: what they may cost."""

import time
from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from cms_service.content_types.fields import Completeness, Context, accept_all, patterns
from cms_service.content_types.schemas import Definition
from cms_service.locales.schemas import ENGLISH

CONTEXT = Context(Completeness.DRAFT, ENGLISH)
CATASTROPHIC = "([ab]{1,100}c?){40}d"
# Each some 2 MB when it is compiled.
LARGE = r"[\p{L}\p{N}]{0,39}"


def definition(*each: Mapping[str, object]) -> Definition:
    fields = [{"name": f"f{n}", "kind": "text", **field} for n, field in enumerate(each)]
    return Definition.model_validate({"displayName": "X", "fields": fields})


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("abc", 3),
        ("^a+$", 3),
        ("a{3}", 3),
        ("a{2,5}", 5),
        ("a{2,}", 2),
        ("a{0}", 1),
        ("(ab{3}){4}", 4 * (1 + 1 + 3)),
        ("((a{30}){30}){10}", 10 * (30 * (30 + 1) + 1)),
        ("(?:ab){3}", 9),
        ("(?P<name>a{3})", 4),
        ("(?i)ab", 3),
        ("[a-z]{3}[^x]", 4),
        ("[]a]{3}", 3),
        ("[^]a]{3}", 3),
        ("[[:alpha:]_]{3}", 3),
        (r"\{3\}", 3),
        (r"\x{41}{5}", 5),
        (r"\p{L}{5}", 5),
        (r"[\]a]{5}", 5),
    ],
)
def test_the_size_of_a_pattern(pattern: str, parts: int) -> None:
    assert patterns._parts(pattern) == parts + 1  # noqa: SLF001 - what all bounds are made of


@pytest.mark.parametrize("flags", ["(?x)", "(?sx:a)", "(?i-x)"])
def test_no_size_is_hidden_by_what_is_ignored(flags: str) -> None:
    with pytest.raises(ValidationError, match="flag x"):
        definition({"pattern": f"{flags}([ab]{{1,100}}c?) {{40}}d"})
    definition({"pattern": r"^\(?x-ray\)?$"})
    definition({"pattern": "(?P<x>a)"})


@pytest.mark.parametrize(
    "pattern", ["", "(", ")", "[", "{", "a{", "\\", "[\\", "(((", "[[", "{9}", "(?"]
)
def test_the_size_of_what_is_no_pattern_is_some_number(pattern: str) -> None:
    assert patterns._parts(pattern) >= 1  # noqa: SLF001 - as above


def test_an_entry_costs_a_bounded_number_of_steps_however_it_is_cut() -> None:
    """One of these texts alone would hold up all requests for seconds."""
    many = definition(*({"pattern": CATASTROPHIC, "maxLength": 100_000} for _ in range(20)))
    for length in (100_000, 1_000):
        values = {f"f{n}": "a" * length for n in range(20)}
        started = time.process_time()
        accepted, errors = accept_all(many.fields, values, CONTEXT)
        assert time.process_time() - started < 5  # half a minute without the bound
        assert accepted == {}
        assert "takes too long" in errors[-1].detail


def test_what_people_write_is_far_from_the_bound() -> None:
    iban = {"pattern": "^[A-Z]{2}[0-9]{2}[A-Z0-9]{4}[0-9]{7}([A-Z0-9]?){0,16}$"}
    name = {"pattern": r"^\p{L}[\p{L} .-]{0,30}$"}
    prose = {"pattern": "^[^<>]*$", "maxLength": 100_000}
    fields = definition(*[iban] * 20, *[name] * 2, *[prose] * 10).fields
    values = {f"f{n}": "DE89370400440532013000" for n in range(20)}
    values |= {f"f{n}": "Žofie Ångström" for n in (20, 21)}
    values |= {f"f{n}": "x" * 100_000 for n in range(22, 32)}
    assert accept_all(fields, values, CONTEXT) == (values, ())


def test_patterns_that_are_too_large_are_refused_before_they_are_compiled() -> None:
    definition({"pattern": LARGE})
    started = time.process_time()
    with pytest.raises(ValidationError) as refused:
        definition(*({"pattern": f"{LARGE}{n}"} for n in range(100)))
    with pytest.raises(ValidationError, match="pattern is too large"):
        definition(*({"pattern": f"(((a{{30}}){{30}}){{30}}){{{n}}}"} for n in range(1, 100)))
    assert time.process_time() - started < 2  # eight seconds without the bound
    errors = refused.value.errors()
    assert len(errors) == 95
    assert "pattern is too large" in errors[0]["msg"]


def test_a_default_is_compared_in_bounded_time() -> None:
    with pytest.raises(ValidationError, match="takes too long"):
        definition({"pattern": CATASTROPHIC, "default": "a" * 1_000})
