"""What a field accepts, and what becomes of it."""

from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cms_service.content_types.changes import breaking_changes
from cms_service.content_types.fields import (
    AnyField,
    BaseField,
    Completeness,
    Fields,
    accept_all,
    slug_of,
)
from cms_service.core import strict_json

FIELD: TypeAdapter[BaseField] = TypeAdapter(AnyField)
FIELDS: TypeAdapter[tuple[BaseField, ...]] = TypeAdapter(Fields)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


def field(kind: str, **options: Any) -> BaseField:
    return FIELD.validate_python({"name": "value", "kind": kind, **options})


ACCEPTED = [
    (field("text"), "", ""),
    (field("text", maxLength=2), "żó", "żó"),
    (field("text", pattern="^[a-z]+$"), "abc", "abc"),
    (field("text", pattern="b"), "abc", "abc"),
    (field("number"), 1.5, 1.5),
    (field("number", integer=True), 3.0, 3),
    (field("number", minimum=-1, maximum=1), -1, -1),
    (field("boolean"), False, False),
    (field("datetime"), "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    (field("datetime"), "2026-01-31T12:00:00.25+02:00", "2026-01-31T10:00:00.250000Z"),
    (field("enumeration", values=["a", "b"]), "b", "b"),
    (field("slug"), "a-1-b", "a-1-b"),
    (field("json"), {"a": [1, None]}, {"a": [1, None]}),
]
REFUSED = [
    (field("text"), 1),
    (field("text", minLength=1), ""),
    (field("text", maxLength=2), "abc"),
    (field("text", pattern="^[a-z]+$"), "aBc"),
    (field("number"), True),
    (field("number"), "1"),
    (field("number", integer=True), 1.5),
    (field("number", minimum=0), -0.1),
    (field("boolean"), 1),
    (field("datetime"), "2026-01-31"),
    (field("datetime"), "2026-01-31T12:00:00"),
    (field("datetime"), "0001-01-01T00:00:00+14:00"),
    (field("datetime"), 0),
    (field("enumeration", values=["a", "b"]), "c"),
    (field("enumeration", values=["1"]), 1),
    (field("slug"), "A"),
    (field("slug"), "a--b"),
    (field("slug"), "-a"),
    (field("slug"), ""),
    (field("slug"), "a\n"),
    (field("slug"), "550e8400-e29b-41d4-a716-446655440000"),
    (field("json"), "x" * 70_000),
]


@pytest.mark.parametrize(("given_field", "value", "stored"), ACCEPTED)
def test_a_fitting_value_is_stored(given_field: BaseField, value: Any, stored: Any) -> None:
    assert given_field.accept(value) == stored


@pytest.mark.parametrize(("given_field", "value"), REFUSED)
def test_a_value_that_does_not_fit_is_refused(given_field: BaseField, value: Any) -> None:
    with pytest.raises(ValueError, match="must"):
        given_field.accept(value)


EVERY_KIND = [row[0] for row in ACCEPTED]


@given(st.sampled_from(EVERY_KIND), JSON_VALUES)
def test_no_value_can_do_more_than_be_refused_and_what_is_stored_is_accepted_again(
    any_field: BaseField, value: Any
) -> None:
    try:
        strict_json.check(value)
        stored = any_field.accept(value)
    except ValueError:
        return
    assert any_field.accept(stored) == stored
    assert orjson.loads(orjson.dumps(stored)) == stored


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.timezones())  # noqa: DTZ001
def test_a_moment_stays_the_same_moment(naive: datetime, zone: Any) -> None:
    moment = naive.replace(tzinfo=zone)
    stored = field("datetime").accept(moment.isoformat())
    assert stored.endswith("Z")
    assert datetime.fromisoformat(stored) == moment


ARTICLE = FIELDS.validate_python(
    [
        {"name": "title", "kind": "text", "required": True, "maxLength": 5},
        {"name": "slug", "kind": "slug"},
        {"name": "views", "kind": "number"},
    ]
)


def test_required_fields_are_asked_for_when_an_entry_is_published() -> None:
    assert accept_all(ARTICLE, {"title": None}, Completeness.DRAFT) == ({}, ())
    _, errors = accept_all(ARTICLE, {"title": None}, Completeness.PUBLISHED)
    assert [(error.pointer, error.detail) for error in errors] == [("/fields/title", "is required")]


@given(st.dictionaries(st.text() | st.sampled_from(["title", "slug", "views"]), JSON_VALUES))
def test_every_given_field_is_either_accepted_absent_or_named_as_wrong(
    values: dict[str, Any],
) -> None:
    accepted, errors = accept_all(ARTICLE, values, Completeness.DRAFT)
    absent = {
        name
        for name, value in values.items()
        if value is None and name in {f.name for f in ARTICLE}
    }
    assert len(accepted) + len(errors) + len(absent) == len(values)


def test_the_slug_is_that_of_the_slug_field() -> None:
    assert slug_of(ARTICLE, {"title": "T", "slug": "s"}) == "s"
    assert slug_of(ARTICLE, {"title": "T"}) is None
    assert slug_of(ARTICLE[:1], {"title": "T"}) is None


def changed(**options: Any) -> tuple[BaseField, ...]:
    title = {"name": "title", "kind": "text", "required": True, "maxLength": 5} | options
    return (FIELD.validate_python(title), *ARTICLE[1:])


@pytest.mark.parametrize(
    ("new", "reasons"),
    [
        (ARTICLE, []),
        (ARTICLE[::-1], []),
        ((*ARTICLE, field("json")), []),
        ((*ARTICLE, field("json", required=True)), ["the new field value is required"]),
        (ARTICLE[1:], ["the field title is removed"]),
        (changed(maxLength=4), ["the field title is changed"]),
        (changed(required=False), ["the field title is changed"]),
    ],
)
def test_changes_that_could_make_entries_wrong_are_named(
    new: tuple[BaseField, ...], reasons: list[str]
) -> None:
    assert breaking_changes(ARTICLE, new) == reasons
