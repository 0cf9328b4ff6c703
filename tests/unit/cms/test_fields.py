"""What a field accepts, and what becomes of it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from cms_service.content_types.fields import (
    AnyField,
    BaseField,
    Completeness,
    Context,
    Fields,
    Shape,
    accept_all,
    slug_of,
    type_schema,
    with_defaults,
)
from cms_service.content_types.fields.base import MOST_ERRORS, RefusedValue
from cms_service.content_types.schemas import Definition
from cms_service.core.errors import Invalid
from cms_service.core.validation import strict_json
from cms_service.locales.schemas import Locale, Locales

FIELD: TypeAdapter[BaseField] = TypeAdapter(AnyField)
FIELDS: TypeAdapter[tuple[BaseField, ...]] = TypeAdapter(Fields)
LOCALES = Locales(default="en", locales=(Locale(code="en"), Locale(code="de")))
DRAFT = Context(Completeness.DRAFT, LOCALES)
COMPLETE = Context(Completeness.PUBLISHED, LOCALES)
ID, OTHER_ID = "0190a000-0000-7000-8000-000000000001", "0190a000-0000-7000-8000-000000000002"


def field(kind: str, **options: Any) -> BaseField:
    return FIELD.validate_python({"name": "value", "kind": kind, **options})


def doc(*blocks: object) -> dict[str, Any]:
    return {"type": "doc", "content": list(blocks)}


def paragraph(text: str, *marks: object) -> dict[str, Any]:
    words = {"type": "text", "text": text} | ({"marks": list(marks)} if marks else {})
    return {"type": "paragraph", "content": [words]}


def link(href: object) -> dict[str, Any]:
    return {"type": "link", "attrs": {"href": href}}


def quoted(document: dict[str, Any], levels: int) -> dict[str, Any]:
    for _ in range(levels):
        document = {"type": "blockquote", "content": [document]}
    return doc(document)


def listed(*blocks: object) -> dict[str, Any]:
    return {"type": "bulletList", "content": [{"type": "listItem", "content": list(blocks)}]}


INNER = [
    {"name": "title", "kind": "text", "required": True},
    {"name": "word", "kind": "text", "localised": True},
]
SEO, SECTIONS = field("component", fields=INNER), field("components", fields=INNER, maxItems=2)
NESTED_JSON: Any = 1
for _ in range(17):
    NESTED_JSON = [NESTED_JSON]

ACCEPTED = [
    (field("text"), "", ""),
    (field("text", maxLength=2), "żó", "żó"),
    (field("text", pattern="^[a-z]+$"), "abc", "abc"),
    (field("text", pattern="b"), "abc", "abc"),
    (field("text", localised=True), {"en": "a", "de": "b"}, {"en": "a", "de": "b"}),
    (field("text", localised=True), {"en": "a", "de": None}, {"en": "a"}),
    (field("number"), 1.5, 1.5),
    (field("number", integer=True), 3.0, 3),
    (field("number", minimum=-1, maximum=1), -1, -1),
    (field("boolean"), False, False),
    (field("date"), "2026-01-31", "2026-01-31"),
    (field("date", minimum="2026-01-31"), "2026-01-31", "2026-01-31"),
    (field("datetime"), "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
    (field("datetime"), "2026-01-31T12:00:00.25+02:00", "2026-01-31T10:00:00.250000Z"),
    (field("datetime", maximum="2026-01-31T12:00:00Z"), "2026-01-31T14:00:00+02:00",
     "2026-01-31T12:00:00Z"),
    (field("enumeration", values=["a", "b"]), "b", "b"),
    (field("slug"), "a-1-b", "a-1-b"),
    (field("email"), "a@b.example", "a@b.example"),
    (field("url"), "https://example.com/a?b#c", "https://example.com/a?b#c"),
    (field("json"), {"a": [1, None]}, {"a": [1, None]}),
    (field("reference", types=["author"]), ID.upper(), ID),
    (field("references", types=["tag"]), [ID, OTHER_ID], [ID, OTHER_ID]),
    (field("references", types=["tag"], uniqueItems=False), [ID, ID], [ID, ID]),
    (SEO, {"title": "a", "word": {"de": "b"}}, {"title": "a", "word": {"de": "b"}}),
    (SEO, {"title": "a", "word": None}, {"title": "a"}),
    (SECTIONS, [], []),
    (SECTIONS, [{"title": "a"}, {"title": "b"}], [{"title": "a"}, {"title": "b"}]),
    (field("richtext"), doc(), doc()),
    (field("richtext"), quoted(paragraph("x"), 6), quoted(paragraph("x"), 6)),
]  # fmt: skip
BLOCKS = [
    paragraph("plain"),
    paragraph("all", *({"type": mark} for mark in ("bold", "italic", "underline", "strike"))),
    *(
        paragraph("there", link(href))
        for href in ("https://a.example/b?c#d", "HTTP://a", "mailto:a@b.example", "/a:b", "a/b",
                     "#top", "?q", "../a")
    ),
    {"type": "heading", "attrs": {"level": 6}, "content": [{"type": "text", "text": "h"}]},
    listed(paragraph("one"), listed(paragraph("two"))),
    {"type": "orderedList", "attrs": {"start": 3}, "content": listed(paragraph("x"))["content"]},
    {"type": "orderedList", "content": listed(paragraph("x"))["content"]},
    {"type": "codeBlock", "attrs": {"language": "c++"}, "content": [{"type": "text", "text": "1"}]},
    {"type": "codeBlock"},
    {"type": "paragraph", "content": [{"type": "hardBreak"}]},
    {"type": "horizontalRule"},
]  # fmt: skip
ACCEPTED += [(field("richtext"), doc(block), doc(block)) for block in BLOCKS]
REFUSED = [
    (field("text"), 1),
    (field("text", minLength=1), ""),
    (field("text", maxLength=2), "abc"),
    (field("text", pattern="^[a-z]+$"), "aBc"),
    (field("text", localised=True), "a"),
    (field("text", localised=True), {"en": 1}),
    (field("text", localised=True), {"fr": "a"}),
    (field("text", localised=True, required=True), {"de": "a"}),
    (field("slug"), "550e8400-e29b-41d4-a716-446655440000"),
    (field("slug"), "550e8400e29b41d4a716446655440000"),
    (field("number"), True),
    (field("number"), "1"),
    (field("number", integer=True), 1.5),
    (field("number", minimum=0), -0.1),
    (field("boolean"), 1),
    (field("enumeration", values=["a", "b"]), "c"),
    (field("enumeration", values=["1"]), 1),
    (field("slug"), "A"),
    (field("slug"), "a--b"),
    (field("slug"), "-a"),
    (field("slug"), ""),
    (field("email"), "nobody"),
    (field("url"), "ftp://example.com"),
    (field("url"), "https://"),
    (field("url"), "https://exam ple.com"),
    (field("url"), "//example.com"),
    (field("reference", types=["author"]), "somebody"),
    (field("reference", types=["author"]), f"{{{ID}}}"),
    (field("references", types=["tag"]), ID),
    (field("references", types=["tag"], maxItems=1), [ID, OTHER_ID]),
    (field("references", types=["tag"], minItems=1), []),
    (field("references", types=["tag"], required=True), []),
    (SEO, []),
    (SEO, {}),
    (SEO, {"title": "a", "nope": 1}),
    (SECTIONS, {"title": "a"}),
    (SECTIONS, [{"title": 1}]),
    (SECTIONS, [{"title": "a"}] * 3),
    (field("richtext"), "<p>html</p>"),
    (field("richtext"), paragraph("no doc around it")),
]
BAD_BLOCKS = [
    *(
        paragraph("there", link(href))
        for href in ("javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)",
                     "java\nscript:alert(1)", "\u0001javascript:x", "data:text/html,x", "", None,
                     "vbscript:x", "a b", "x" * 3_000)
    ),
    paragraph("x", {"type": "link"}),
    paragraph("x", {"type": "link", "attrs": {"href": "/", "onclick": "x"}}),
    paragraph("x", {"type": "style"}),
    paragraph("x", {"type": "bold", "attrs": {}}),
    paragraph(""),
    {"type": "paragraph", "content": [paragraph("inside")]},
    {"type": "paragraph", "content": {}},
    {"type": "paragraph", "attrs": {"class": "x"}},
    {"type": "heading"},
    {"type": "heading", "attrs": {"level": 7}},
    {"type": "heading", "attrs": {"level": True}},
    {"type": "bulletList"},
    {"type": "bulletList", "content": [paragraph("no item")]},
    {"type": "image", "attrs": {"src": "https://a.example/b.png"}},
    {"type": "html", "content": []},
    {"type": ["paragraph"]},
    {"type": "codeBlock", "attrs": {"language": "<b>"}},
    {"type": "horizontalRule", "content": []},
    "text",
    None,
]  # fmt: skip
REFUSED += [(field("richtext"), doc(block)) for block in BAD_BLOCKS]
# Bounds of bytes, depth and days, what a standard format means.
REFUSED_BEYOND_A_SCHEMA = [
    (field("date"), "2026-02-30"),
    (field("date"), "20260131"),
    (field("date"), "2026-01-31T00:00:00Z"),
    (field("date", maximum="2026-01-31"), "2026-02-01"),
    (field("datetime"), "2026-01-31"),
    (field("datetime"), "2026-01-31T12:00:00"),
    (field("datetime"), "0001-01-01T00:00:00+14:00"),
    (field("datetime"), 0),
    (field("datetime", minimum="2026-01-31T12:00:00.5Z"), "2026-01-31T12:00:00Z"),
    (field("slug"), "a\n"),
    (field("email"), "a@b.example\n"),
    (field("url"), "https://example.com:0x/"),
    (field("json"), "x" * 70_000),
    (field("json"), NESTED_JSON),
    (field("json"), {"a": 1, "b": NESTED_JSON}),
    (field("references", types=["tag"]), [ID, ID.upper()]),
    (field("richtext"), quoted(paragraph("x"), 7)),
    (field("richtext"), doc(*[paragraph("x")] * 3_000)),
    (field("richtext"), doc(paragraph("x" * 300_000))),
]


@pytest.mark.parametrize(("given_field", "value", "stored"), ACCEPTED)
def test_a_fitting_value_is_stored(given_field: BaseField, value: Any, stored: Any) -> None:
    assert given_field.accept(value, COMPLETE) == stored


@pytest.mark.parametrize(("given_field", "value"), REFUSED + REFUSED_BEYOND_A_SCHEMA)
def test_a_value_that_does_not_fit_is_refused(given_field: BaseField, value: Any) -> None:
    with pytest.raises(ValueError, match=r"must|no such|is required|twice"):
        given_field.accept(value, COMPLETE)


EVERY_KIND = [row[0] for row in ACCEPTED]


def of_a_kind(any_field: BaseField) -> st.SearchStrategy[Any]:
    """Values that look like the field's own, many of them wrong somewhere."""
    rows = [row[:2] for row in ACCEPTED] + REFUSED + REFUSED_BEYOND_A_SCHEMA
    return st.sampled_from([value for other, value in rows if type(other) is type(any_field)])


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
FIELDS_AND_VALUES = st.sampled_from(EVERY_KIND).flatmap(
    lambda any_field: st.tuples(st.just(any_field), JSON_VALUES | of_a_kind(any_field))
)


@given(FIELDS_AND_VALUES, st.sampled_from([DRAFT, COMPLETE]))
def test_no_value_can_do_more_than_be_refused_and_what_is_stored_is_accepted_again(
    case: tuple[BaseField, Any], context: Context
) -> None:
    any_field, value = case
    try:
        strict_json.check(value)
        stored = any_field.accept(value, context)
    except ValueError:
        return
    assert any_field.accept(stored, context) == stored
    assert orjson.loads(orjson.dumps(stored)) == stored


def validator(any_field: BaseField, shape: Shape = Shape(COMPLETE)) -> Any:  # noqa: B008 - a value
    schema = any_field.json_schema(shape)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@given(FIELDS_AND_VALUES, st.sampled_from([DRAFT, COMPLETE]))
def test_whatever_is_stored_fits_the_json_schema(
    case: tuple[BaseField, Any], context: Context
) -> None:
    any_field, value = case
    try:
        strict_json.check(value)
        stored = any_field.accept(value, context)
    except ValueError:
        return
    validator(any_field, Shape(context)).validate(stored)
    validator(any_field, Shape(context, nulls=True)).validate(value)
    validator(any_field, Shape(context, delivered=lambda _: {"type": "object"})).validate(stored)


@pytest.mark.parametrize(("given_field", "value"), REFUSED)
def test_what_is_refused_does_not_fit_the_json_schema(given_field: BaseField, value: Any) -> None:
    assert not validator(given_field).is_valid(value)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.timezones())  # noqa: DTZ001
def test_a_moment_stays_the_same_moment(naive: datetime, zone: Any) -> None:
    moment = naive.replace(tzinfo=zone)
    try:
        stored = field("datetime").accept(moment.isoformat(), COMPLETE)
    except ValueError:  # zones of old had offsets with seconds, which RFC 3339 has not
        assert moment.utcoffset().total_seconds() % 60  # type: ignore[union-attr]  # it has a zone
        return
    assert stored.endswith("Z")
    assert datetime.fromisoformat(stored) == moment


def test_wrong_places_inside_are_named() -> None:
    fields = (
        FIELD.validate_python({"name": "seo", "kind": "component", "fields": INNER}),
        FIELD.validate_python({"name": "parts", "kind": "components", "fields": INNER}),
        FIELD.validate_python({"name": "body", "kind": "richtext", "localised": True}),
    )
    values = {
        "seo": {"word": {"fr": "x"}},
        "parts": [{"title": "a"}, {"title": 1}],
        "body": {"de": doc(paragraph("x", link("javascript:x")))},
    }
    _, errors = accept_all(fields, values, COMPLETE)
    assert [error.pointer for error in errors] == [
        "/fields/body/de/content/0/content/0/marks/0/attrs/href",
        "/fields/parts/1/title",
        "/fields/seo/title",
        "/fields/seo/word/fr",
    ]


class Looked(list[Any]):
    """Items that know how many of them were looked at."""

    seen = 0

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.seen += 1
            yield item


def test_a_value_is_not_looked_through_that_is_wrong_in_thousands_of_places() -> None:
    """Each is a text of its own: of half a megabyte they were eighty in memory."""
    choice = {"name": "size", "kind": "enumeration", "values": ["s", "m", "l"]}
    parts = {"name": "parts", "kind": "components", "fields": [choice]}
    pages = {"name": "pages", "kind": "components", "fields": [parts]}
    fields = FIELDS.validate_python([pages])
    wrong = [Looked([{"size": "x"} for _ in range(200)]) for _ in range(200)]
    _, errors = accept_all(fields, {"pages": [{"parts": each} for each in wrong]}, DRAFT)
    assert len(errors) == 50
    assert sum(each.seen for each in wrong) == MOST_ERRORS
    unknown = {f"name{number}": 1 for number in range(2 * MOST_ERRORS)}
    with pytest.raises(RefusedValue) as refused:
        fields[0].accept([unknown], DRAFT)
    assert len(refused.value.errors) == MOST_ERRORS


ARTICLE = FIELDS.validate_python(
    [
        {"name": "title", "kind": "text", "required": True, "maxLength": 5},
        {"name": "slug", "kind": "slug"},
        {"name": "views", "kind": "number"},
    ]
)


def test_required_fields_are_asked_for_when_an_entry_is_published() -> None:
    assert accept_all(ARTICLE, {"title": None}, DRAFT) == ({}, ())
    _, errors = accept_all(ARTICLE, {"title": None}, COMPLETE)
    assert [(error.pointer, error.detail) for error in errors] == [("/fields/title", "is required")]
    assert type_schema(ARTICLE, Shape(COMPLETE))["required"] == ["title"]
    assert "required" not in type_schema(ARTICLE, Shape(DRAFT))


def test_what_may_be_sent_may_be_null_and_what_is_stored_may_not() -> None:
    seo = {"seo": {"title": None, "word": {"en": None}}}
    for nulls in (True, False):
        schema = type_schema((SEO,), Shape(DRAFT, nulls=nulls))
        validator = jsonschema.Draft202012Validator(schema)
        assert validator.is_valid({SEO.name: seo["seo"]}) is nulls
        assert validator.is_valid({SEO.name: None}) is nulls


@pytest.mark.parametrize(
    ("unfinished", "value"),
    [
        (SEO, {}),
        (SECTIONS, [{}]),
        (field("references", types=["tag"], minItems=1), []),
        (field("text", localised=True, required=True), {"de": "a"}),
    ],
)
def test_a_draft_may_be_unfinished_inside(unfinished: BaseField, value: Any) -> None:
    assert unfinished.accept(value, DRAFT) == value


@given(st.dictionaries(st.text() | st.sampled_from(["title", "slug", "views"]), JSON_VALUES))
def test_every_given_field_is_either_accepted_absent_or_named_as_wrong(
    values: dict[str, Any],
) -> None:
    accepted, errors = accept_all(ARTICLE, values, DRAFT)
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


def test_a_new_entry_begins_with_the_defaults() -> None:
    fields = FIELDS.validate_python(
        [
            {"name": "state", "kind": "enumeration", "values": ["a", "b"], "default": "b"},
            {"name": "word", "kind": "text", "localised": True, "default": "x"},
            {"name": "flag", "kind": "boolean", "default": False},
            {"name": "bare", "kind": "text"},
        ]
    )
    begun = with_defaults(fields, {"state": "a"}, DRAFT)
    assert begun == {"state": "a", "word": {"en": "x"}, "flag": False}
    assert accept_all(fields, with_defaults(fields, {"flag": None}, DRAFT), DRAFT) == (
        {"state": "b", "word": {"en": "x"}},
        (),
    )


WITH_PARTS = FIELDS.validate_python(
    [
        {
            "name": "parts",
            "kind": "components",
            "fields": [
                {"name": "heading", "kind": "text", "default": "x" * 900},
                {"name": "flag", "kind": "boolean", "default": False},
                {"name": "more", "kind": "components", "fields": [{"name": "a", "kind": "json"}]},
                {
                    "name": "link",
                    "kind": "component",
                    "fields": [
                        {"name": "word", "kind": "text", "localised": True, "default": "Read on"},
                        {"name": "to", "kind": "url"},
                    ],
                },
            ],
        },
    ]
)


def test_the_components_of_a_new_entry_begin_with_the_defaults() -> None:
    given: dict[str, Any] = {"parts": [{}, {"heading": "Own", "flag": None, "link": {}}]}
    begun, errors = accept_all(WITH_PARTS, with_defaults(WITH_PARTS, given, DRAFT), DRAFT)
    assert not errors
    assert begun["parts"] == [
        {"heading": "x" * 900, "flag": False},
        {"heading": "Own", "link": {"word": {"en": "Read on"}}},
    ]


@pytest.mark.parametrize(
    "wrong", ["x", [1, None, [{}]], {"heading": {}}, [{"link": []}], [{}] * 201]
)
def test_what_is_no_component_is_refused_beside_defaults(wrong: object) -> None:
    given = {"parts": wrong}
    _, errors = accept_all(WITH_PARTS, with_defaults(WITH_PARTS, given, DRAFT), DRAFT)
    assert errors == accept_all(WITH_PARTS, given, DRAFT)[1]
    assert errors


def test_defaults_make_no_entry_of_any_size() -> None:
    inner = {"name": "word", "kind": "text", "maxLength": 90_000, "default": "x" * 90_000}
    fields = FIELDS.validate_python([{"name": "parts", "kind": "components", "fields": [inner]}])
    with_defaults(fields, {"parts": [{}] * 11}, DRAFT)
    with pytest.raises(Invalid):
        with_defaults(fields, {"parts": [{}] * 12}, DRAFT)


def component(depth: int, innermost: dict[str, Any]) -> dict[str, Any]:
    inner = component(depth - 1, innermost) if depth > 1 else innermost
    return {"name": "c", "kind": "component", "fields": [inner]}


TEXT = {"name": "a", "kind": "text"}
SENSELESS = {
    "a default that does not fit": TEXT | {"default": "", "minLength": 1},
    "a default of another kind": {"name": "a", "kind": "boolean", "default": "yes"},
    "a pattern that cannot be read, beside a default": TEXT | {"default": "x", "pattern": "("},
    "a default that is unique": TEXT | {"default": "x", "unique": True},
    "days in the wrong order": {
        "name": "a", "kind": "date", "minimum": "2026-01-02", "maximum": "2026-01-01"},
    "a bound that is no moment": {"name": "a", "kind": "datetime", "minimum": "now"},
    "a bound that is no number": {"name": "a", "kind": "number", "minimum": "1"},
    "a reference to nothing": {"name": "a", "kind": "reference", "types": []},
    "a type twice": {"name": "a", "kind": "reference", "types": ["b", "b"]},
    "more than a hundred references": {
        "name": "a", "kind": "references", "types": ["b"], "maxItems": 101},
    "components four deep": component(4, TEXT),
    "a component of nothing": {"name": "a", "kind": "component", "fields": []},
    "a slug in a component": component(1, {"name": "a", "kind": "slug"}),
    "something unique in a component": component(1, TEXT | {"unique": True}),
    "a name twice in a component": {"name": "c", "kind": "component", "fields": [TEXT, TEXT]},
    "a localised reference": {
        "name": "a", "kind": "reference", "types": ["b"], "localised": True},
    "a unique boolean": {"name": "a", "kind": "boolean", "unique": True},
}  # fmt: skip


@pytest.mark.parametrize("name", SENSELESS)
def test_a_field_that_makes_no_sense_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Definition.model_validate({"displayName": "A", "fields": [SENSELESS[name]]})


def test_components_nest_three_levels_and_a_type_has_three_hundred_fields() -> None:
    Definition.model_validate({"displayName": "A", "fields": [component(3, TEXT)]})
    inner = [{"name": f"f{number}", "kind": "boolean"} for number in range(50)]
    groups = [{"name": f"c{n}", "kind": "component", "fields": inner} for n in range(6)]
    with pytest.raises(ValidationError, match="300 fields"):
        Definition.model_validate({"displayName": "A", "fields": groups})


def test_options_of_a_field_come_back_as_they_were_given() -> None:
    for any_field in EVERY_KIND:
        stored = any_field.model_dump(mode="json", by_alias=True)
        assert FIELD.validate_python(stored) == any_field
