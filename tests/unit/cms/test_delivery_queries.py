"""What a query string may say, and what is told of one that says something else."""

import re
from decimal import Decimal
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import BadRequest
from cms_service.core.validation.strict_json import MAX_NUMBER, MIN_NUMBER
from cms_service.delivery.query import cursors
from cms_service.delivery.query.attributes import OPERATORS, SORTABLE, ValueKind
from cms_service.delivery.query.grammar import Operator, Query, parse_entry_query, parse_list_query
from cms_service.delivery.query.plan import entry_shape, list_plan
from cms_service.delivery.sql import statements
from cms_service.delivery.sql.parameters import Sql
from cms_service.locales.schemas import Locale, Locales
from tests.support import field_kinds

LOCALES = Locales(
    default="en",
    locales=(Locale(code="en"), Locale(code="de"), Locale(code="de-AT", fallback="de")),
)


def content_type(number: int, name: str, *fields: dict[str, Any]) -> ContentType:
    return ContentType.model_validate(
        {
            "id": f"0190a000-0000-7000-8000-{number:012}",
            "name": name,
            "displayName": name,
            "fields": list(fields),
            "version": 1,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
            "locales": LOCALES.model_dump(by_alias=True),
        }
    )


ARTICLE = content_type(
    1,
    "article",
    {"name": "title", "kind": "text", "localised": True},
    {"name": "slug", "kind": "slug"},
    {"name": "note", "kind": "text"},
    {"name": "price", "kind": "number"},
    {"name": "hot", "kind": "boolean"},
    {"name": "day", "kind": "date", "minimum": "2020-01-01"},
    {"name": "at", "kind": "datetime"},
    {"name": "state", "kind": "enumeration", "values": ["new", "old"]},
    {"name": "mail", "kind": "email"},
    {"name": "author", "kind": "reference", "types": ["author"]},
    {"name": "tags", "kind": "references", "types": ["tag", "article"], "maxItems": 30},
    {"name": "extra", "kind": "json"},
    {
        "name": "part",
        "kind": "component",
        "fields": [{"name": "words", "kind": "text", "localised": True}],
    },
)
AUTHOR = content_type(2, "author", {"name": "name", "kind": "text"})
TAG = content_type(
    3,
    "tag",
    {"name": "title", "kind": "text", "localised": True},
    {"name": "author", "kind": "reference", "types": ["author"]},
)
TYPES = {one.name: one for one in (ARTICLE, AUTHOR, TAG)}
ID = "0190a000-0000-7000-8000-00000000000a"


def plan(text: str, of: ContentType = ARTICLE) -> Sql:
    """All that is done before the database is asked."""
    query = parse_list_query(text.encode())
    checked = list_plan(query, of)
    after = cursors.decode(query, checked.type_id, checked.keys)
    shape = entry_shape(query, of, TYPES, checked.limit)
    made = statements.list_statement(checked, shape, goes_on=after is not None)
    return made.of(checked, after)


GOOD = [
    "",
    "limit=100",
    "filter[fields.price][gte]=10&filter[fields.price][lt]=20.5",
    "filter[fields.price][in]=1,2,3",
    "filter[fields.note][eq]=",
    "filter[fields.note][nin]=a\\,b,c",
    "filter[fields.day][lt]=1999-01-01",
    "filter[fields.at][gte]=2026-01-01T00:00:00%2B01:00",
    "filter[fields.hot][eq]=true",
    "filter[fields.state][ne]=new",
    f"filter[fields.author][in]={ID},{ID}",
    f"filter[fields.tags][has]={ID}",
    f"filter[fields.tags][hasany]={ID}",
    "filter[fields.extra][exists]=true",
    "filter[slug][in]=a,b",
    f"filter[id][eq]={ID}",
    "filter[publishedAt][gt]=2026-01-01T00:00:00Z",
    "filter[fields.title][eq]=Hallo&locale=de-AT",
    "sort=-fields.price,publishedAt",
    "sort=fields.title&locale=de",
    "select=slug,fields.title,fields.author&expand=author",
    "expand=author,tags.author&limit=20",
    "q=words",
    "q=words&sort=slug&filter[fields.note][eq]=a&expand=author",
    "locale=de",
]


@pytest.mark.parametrize("text", GOOD)
def test_what_the_grammar_has_becomes_one_statement(text: str) -> None:
    sql = plan(text)
    numbers = {int(part.split(":")[0]) for part in sql.text.split("$")[2:] if part[0].isdigit()}
    assert numbers == set(range(2, len(sql.values) + 2))


BAD = {
    "fitler[slug][eq]=a": "fitler[slug][eq]",
    "filter=a": "filter",
    "filter[slug]=a": "filter[slug]",
    "filter[slug][like]=a": "filter[slug][like]",
    "filter[nothing][eq]=a": "filter[nothing][eq]",
    "filter[version][eq]=1": "filter[version][eq]",
    "filter[fields.nothing][eq]=a": "filter[fields.nothing][eq]",
    "filter[fields.part.words][eq]=a": "filter[fields.part.words][eq]",
    "filter[fields.price][eq]=ten": "filter[fields.price][eq]",
    "filter[fields.price][eq]=NaN": "filter[fields.price][eq]",
    "filter[fields.price][eq]=1e9": "filter[fields.price][eq]",
    "filter[fields.price][in]=1,": "filter[fields.price][in]",
    "filter[fields.price][eq]=99999999999999999": "filter[fields.price][eq]",
    "filter[fields.hot][eq]=1": "filter[fields.hot][eq]",
    "filter[fields.hot][lt]=true": "filter[fields.hot][lt]",
    "filter[fields.day][eq]=2026-02-30": "filter[fields.day][eq]",
    "filter[fields.at][eq]=2026-01-01": "filter[fields.at][eq]",
    "filter[fields.state][eq]=lost": "filter[fields.state][eq]",
    "filter[fields.mail][eq]=nobody": "filter[fields.mail][eq]",
    "filter[fields.author][eq]=ada": "filter[fields.author][eq]",
    f"filter[fields.author][has]={ID}": "filter[fields.author][has]",
    f"filter[fields.tags][eq]={ID}": "filter[fields.tags][eq]",
    "filter[fields.extra][eq]=1": "filter[fields.extra][eq]",
    "filter[fields.extra][exists]=yes": "filter[fields.extra][exists]",
    "filter[publishedAt][exists]=true": "filter[publishedAt][exists]",
    "filter[fields.title][eq]=Hello": "filter[fields.title][eq]",
    "filter[fields.note][eq]=" + "x" * 501: "filter[fields.note][eq]",
    "filter[fields.note][in]=a\\": "filter[fields.note][in]",
    "filter[fields.note][in]=a," + "x" * 501: "filter[fields.note][in]",
    "filter[fields.note][eq]=%00": "filter[fields.note][eq]",
    "filter[fields.price][in]=" + ",".join(map(str, range(51))): "filter[fields.price][in]",
    "&".join(f"filter[fields.f{n}][eq]=1" for n in range(11)): "filter",
    "sort=": "sort",
    "sort=fields.nothing": "sort",
    "sort=fields.extra": "sort",
    "sort=fields.tags": "sort",
    "sort=fields.title": "sort",
    "sort=slug,-slug": "sort",
    "sort=slug,id,publishedAt,fields.price": "sort",
    "select=": "select",
    "select=fields.nothing": "select",
    "select=secret": "select",
    "select=slug,slug": "select",
    "expand=title": "expand",
    "expand=nothing": "expand",
    "expand=author.name": "expand",
    "expand=author.tags": "expand",
    "expand=part.words": "expand",
    "expand=tags.author.name": "expand",
    "expand=tags.tags&limit=100": "expand",
    "select=fields.note&expand=author": "expand",
    "locale=": "locale",
    "locale=fr": "locale",
    "locale=de-at": "locale",
    "limit=0": "limit",
    "limit=101": "limit",
    "limit=1&limit=2": "limit",
    "cursor=": "cursor",
    "cursor=abc": "cursor",
    "page=2": "page",
    "q=": "q",
    "q=" + "x" * 501: "q",
    "q=%00": "q",
    "sort=rank": "sort",
    "q=words&filter[rank][gt]=0": "filter[rank][gt]",
}


@pytest.mark.parametrize(("text", "parameter"), BAD.items())
def test_what_is_wrong_is_refused_and_named(text: str, parameter: str) -> None:
    with pytest.raises(BadRequest) as refused:
        plan(text)
    assert [error.pointer for error in refused.value.errors] == [parameter]
    assert refused.value.detail.startswith(f"{parameter}: ")


DAY, MOMENT = "2026-01-01", "2026-01-01T00:00:00.000000Z"
EXAMPLES = {
    "id": (ValueKind.ID, ID),
    "slug": (ValueKind.TEXT, "a"),
    "fields.text": (ValueKind.TEXT, "a"),
    "fields.slug": (ValueKind.TEXT, "a"),
    "fields.enumeration": (ValueKind.TEXT, "a"),
    "fields.email": (ValueKind.TEXT, "a@b.example"),
    "fields.url": (ValueKind.TEXT, "https://b.example"),
    "fields.number": (ValueKind.NUMBER, "1"),
    "fields.boolean": (ValueKind.BOOLEAN, "true"),
    "fields.date": (ValueKind.DATE, DAY),
    "fields.datetime": (ValueKind.MOMENT, MOMENT),
    "fields.reference": (ValueKind.LINK, ID),
    "fields.references": (ValueKind.LINKS, ID),
    "fields.json": (ValueKind.OPAQUE, "1"),
    "fields.richtext": (ValueKind.OPAQUE, "a"),
    "fields.component": (ValueKind.OPAQUE, "a"),
    "fields.components": (ValueKind.OPAQUE, "a"),
}
EVERYTHING = content_type(4, "everything", *map(field_kinds.definition, field_kinds.KINDS))
ATTRIBUTES = ["id", "slug", *(f"fields.{kind}" for kind in field_kinds.KINDS)]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
@pytest.mark.parametrize("operator", Operator)
def test_each_kind_takes_its_operators_and_no_other(attribute: str, operator: Operator) -> None:
    kind, example = EXAMPLES[attribute]
    value = "true" if operator is Operator.EXISTS else example
    text = f"filter[{attribute}][{operator}]={value}"
    if operator in OPERATORS[kind]:
        assert plan(text, EVERYTHING).values
    else:
        with pytest.raises(BadRequest, match="takes the operators"):
            plan(text, EVERYTHING)


@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_lists_are_sorted_and_gone_on_by_each_kind_that_has_an_order(attribute: str) -> None:
    kind, example = EXAMPLES[attribute]
    text = f"sort={attribute}"
    if kind in SORTABLE:
        place = orjson.dumps([example, ID]).decode()
        cursor = cursors.encode(place, parse_list_query(text.encode()), EVERYTHING.id)
        assert example in plan(f"{text}&cursor={cursor}", EVERYTHING).values
    else:
        with pytest.raises(BadRequest, match="has no order"):
            plan(text, EVERYTHING)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_query_or_a_bad_request(text: bytes) -> None:
    for parse in (parse_list_query, parse_entry_query):
        try:
            parse(text)
        except BadRequest:
            continue


@given(st.floats(-MAX_NUMBER, MAX_NUMBER).filter(lambda n: n == 0 or abs(n) >= MIN_NUMBER))
@example(0.1 + 0.2)
@example(-1.2345678901234567e-20)
def test_a_number_is_found_by_what_an_answer_shows_of_it(number: float) -> None:
    shown = format(Decimal(repr(number)), "f")  # as PostgreSQL writes it
    query = parse_list_query(f"filter[fields.price][eq]={shown}".encode())
    (comparison,) = list_plan(query, ARTICLE).comparisons
    assert comparison.values == (number,)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=60))
def test_a_value_comes_through_as_it_was_sent(value: str) -> None:
    for encode in (quote, quote_plus):
        text = f"&q={encode(value)}&&{encode('filter[slug][eq]')}={encode(value)}"
        query = parse_list_query(text.encode())
        assert (query.search, query.conditions[0].values) == (value, (value,))


@given(st.lists(st.text(st.sampled_from("ab,\\"), max_size=5), min_size=1, max_size=5))
def test_values_of_a_list_may_hold_commas_and_backslashes(values: list[str]) -> None:
    text = ",".join(re.sub(r"[,\\]", r"\\\g<0>", value) for value in values)
    query = parse_list_query(f"filter[slug][in]={quote(text)}".encode())
    assert query.conditions[0].values == tuple(sorted(set(values)))


@given(st.text(max_size=60), st.sampled_from(["eq", "in", "nin", "ne", ""]))
def test_no_value_gets_into_the_text_of_a_statement(value: str, operator: str) -> None:
    parameter = f"filter[fields.note][{operator}]" if operator else "q"
    marked = quote(f"zq'{value}")
    try:
        sql = plan(f"{parameter}={marked}")
    except BadRequest:
        return
    assert "zq" not in sql.text


def test_types_and_fields_share_statements() -> None:
    assert plan("filter[fields.note][eq]=a").text == plan("filter[fields.state][eq]=new").text
    assert plan("sort=fields.note&limit=3").text == plan("sort=fields.state&limit=9").text


def test_queries_that_mean_the_same_have_one_key() -> None:
    one = "filter[slug][in]=b,a&filter[id][ne]=" + ID + "&select=slug,fields.note&limit=20"
    other = "select=fields.note,slug&filter[id][ne]=" + ID + "&filter[slug][in]=a,b,a"
    assert parse_list_query(one.encode()).key == parse_list_query(other.encode()).key
    assert parse_list_query(b"sort=slug").key != parse_list_query(b"sort=-slug").key
    assert parse_list_query(b"q=a").key != parse_list_query(b"q=b").key


SORTED = "sort=-fields.price,fields.note"
PLACE = f'["2.5", null, "{ID}"]'


def with_cursor(text: str, cursor: str) -> Query:
    return parse_list_query(f"{text}&cursor={cursor}".encode())


def read(query: Query) -> object:
    return cursors.decode(query, ARTICLE.id, list_plan(query, ARTICLE).keys)


def test_a_cursor_leads_back_to_its_place() -> None:
    cursor = cursors.encode(PLACE, parse_list_query(SORTED.encode()), ARTICLE.id)
    assert read(with_cursor(SORTED, cursor)) == ("2.5", None, ID)
    assert read(with_cursor(f"{SORTED}&limit=7&select=slug", cursor)) == ("2.5", None, ID)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "sort=fields.price",
        *(f"{SORTED}&{more}" for more in ("filter[slug][eq]=a", "locale=de", "q=a")),
    ],
)
def test_a_cursor_of_another_list_is_refused(other: str) -> None:
    cursor = cursors.encode(PLACE, parse_list_query(SORTED.encode()), ARTICLE.id)
    with pytest.raises(BadRequest, match="cursor"):
        read(with_cursor(other, cursor))


@given(st.data())
def test_a_cursor_that_was_changed_is_refused(data: st.DataObject) -> None:
    cursor = cursors.encode(PLACE, parse_list_query(SORTED.encode()), ARTICLE.id)
    at = data.draw(st.integers(0, len(cursor.rstrip("=")) - 2))  # the last one has spare bits
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    new = data.draw(st.sampled_from(alphabet).filter(lambda character: character != cursor[at]))
    with pytest.raises(BadRequest, match="cursor"):
        read(with_cursor(SORTED, cursor[:at] + new + cursor[at + 1 :]))


@pytest.mark.parametrize(
    "place",
    ["[]", '["x", null, "%s"]', '[1, null, "%s"]', '["1", null, null]', '["1", ["a"], "%s"]'],
)
def test_a_cursor_that_was_made_up_is_refused(place: str) -> None:
    made_up = place.replace("%s", ID)
    cursor = cursors.encode(made_up, parse_list_query(SORTED.encode()), ARTICLE.id)
    with pytest.raises(BadRequest, match="cursor"):
        read(with_cursor(SORTED, cursor))


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("publishedAt", "2026-W01-1T00:00:00.000000Z"),
        ("publishedAt", "2026-01-01x00:00:00.000000Z"),
        ("publishedAt", "2026-01-01T00:00:00.000000+23:59"),
        ("id", f"urn:uuid:{ID}"),
    ],
)
def test_a_made_up_cursor_holds_only_what_postgresql_reads(sort: str, value: str) -> None:
    query = parse_list_query(f"sort={sort}".encode())
    good = {"publishedAt": "2026-01-01T00:00:00.000000Z", "id": ID}[sort]
    assert read(with_cursor(f"sort={sort}", encoded(query, good, ID))) == (good, ID)
    for made_up in ((value, ID), (good, f"urn:uuid:{ID}")):
        with pytest.raises(BadRequest, match="cursor"):
            read(with_cursor(f"sort={sort}", encoded(query, *made_up)))


def encoded(query: Query, *place: str) -> str:
    return cursors.encode(orjson.dumps(place).decode(), query, ARTICLE.id)


@pytest.mark.parametrize(("sort", "longest"), [("slug", 200), ("fields.note", 100)])
def test_a_cursor_holds_as_much_of_a_text_as_is_sorted_by(sort: str, longest: int) -> None:
    query = parse_list_query(f"sort={sort}".encode())
    for length in (1, 100, 101, longest, longest + 1):
        place = ("a" * length, ID)
        cursor = cursors.encode(orjson.dumps(place).decode(), query, ARTICLE.id)
        if length <= longest:
            assert read(with_cursor(f"sort={sort}", cursor)) == place
        else:
            with pytest.raises(BadRequest, match="cursor"):
                read(with_cursor(f"sort={sort}", cursor))


def test_expansion_of_one_entry_is_bounded_too() -> None:
    wide = [{"name": f"a{n}", "kind": "references", "types": ["wide"]} for n in range(3)]
    wide_type = content_type(9, "wide", *wide)
    query = parse_entry_query(b"expand=a0.a0,a1.a0,a2.a0")
    with pytest.raises(BadRequest, match="lower maxItems"):
        entry_shape(query, wide_type, {"wide": wide_type})


def test_of_types_that_disagree_the_longest_list_counts() -> None:
    link = {"name": "links", "kind": "references", "types": ["short", "long"]}
    short, long = (
        content_type(number, name, {**link, "maxItems": most})
        for number, name, most in ((7, "short", 5), (8, "long", 100))
    )
    types = {"short": short, "long": long}
    query = parse_entry_query(b"expand=links.links")
    entry_shape(query, short, types, 2)
    with pytest.raises(BadRequest, match="lower maxItems"):
        entry_shape(query, long, types, 2)
