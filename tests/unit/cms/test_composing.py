"""Entries are put in the place of references as if all of it had been parsed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cms_service.delivery.composing import Fetched, TooLargeError, composed
from cms_service.delivery.query.expansions import Expansion

SINGLE, MANY = UUID(int=1), UUID(int=2)
IDS = [str(UUID(int=number)) for number in range(10, 16)]
ENOUGH = 1_000_000


@dataclass(frozen=True)
class Entry:
    """`link` holds one reference in the type SINGLE, and many in the type MANY."""

    id: str
    type_id: UUID
    fields: dict[str, Any] = field(default_factory=dict)

    def whole(self, fields: dict[str, Any]) -> dict[str, Any]:
        return {"id": self.id, "type": str(self.type_id), "fields": fields}


Published = dict[str, Entry]


def expansions(*inner: Expansion) -> tuple[Expansion, ...]:
    return (
        Expansion("link", many=False, sources=(SINGLE,), guarded=True, most=1, inner=inner),
        Expansion("link", many=True, sources=(MANY,), guarded=True, most=9, inner=inner),
        Expansion("others", many=True, sources=(SINGLE, MANY), guarded=False, most=9, inner=inner),
    )


def applies(expansion: Expansion, entry: Entry) -> bool:
    return not expansion.guarded or entry.type_id in expansion.sources


def references(expansion: Expansion, entry: Entry) -> Any:
    if not applies(expansion, entry):
        return False
    stored = entry.fields.get(expansion.field)
    return (stored or []) if expansion.many else stored


def expanded(entry: Entry, wanted: Sequence[Expansion], published: Published) -> dict[str, Any]:
    """The definition."""
    fields = dict(entry.fields)
    for expansion in wanted:
        if not applies(expansion, entry):
            continue
        found = references(expansion, entry)
        ids = found if expansion.many else [found]
        shown = [expanded(published[i], expansion.inner, published) for i in ids if i in published]
        fields[expansion.field] = shown if expansion.many else next(iter(shown), None)
    return entry.whole(fields)


def fetched(entries: Sequence[Entry], wanted: Sequence[Expansion], published: Published) -> Fetched:
    """What PostgreSQL yields."""
    texts: list[list[bytes] | None] = []
    links: list[Any] = []

    def add(entries: Sequence[Entry], wanted: Sequence[Expansion]) -> None:
        texts.append([text(entry, wanted) for entry in entries] or None)
        if wanted:
            links.append([[references(one, e) for one in wanted] for e in entries] or None)
        for expansion in wanted:
            ids = {i for entry in entries for i in listed(references(expansion, entry))}
            add([published[i] for i in sorted(ids & published.keys())], expansion.inner)

    add(entries, wanted)
    return Fetched(texts, orjson.dumps(links).decode() if wanted else None)


def listed(references: Any) -> Iterable[str]:
    if isinstance(references, list):
        return references
    return [references] if references else []


def text(entry: Entry, wanted: Sequence[Expansion]) -> bytes:
    taken = {one.field for one in wanted if applies(one, entry)}
    fields = {name: value for name, value in entry.fields.items() if name not in taken}
    members = b", ".join(orjson.dumps(k) + b": " + orjson.dumps(v) for k, v in fields.items())
    head = f'{{"id" : "{entry.id}", "type" : "{entry.type_id}", "fields" : {{'
    return head.encode() + members + b"}}"


def compose(
    entries: Sequence[Entry],
    wanted: Sequence[Expansion],
    published: Published,
    most: int = ENOUGH,
) -> Any:
    found = composed(fetched(entries, wanted, published), wanted, most)
    return orjson.loads(b"[%b]" % b",".join(found))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["}}", '"{}', "a\nb", "\u00e9"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("fields"), inner),
    max_leaves=4,
)
many = st.lists(st.sampled_from(IDS), max_size=4)


@st.composite
def entry(draw: st.DrawFn, entry_id: str) -> Entry:
    type_id = draw(st.sampled_from([SINGLE, MANY]))
    link = st.none() | st.sampled_from(IDS) if type_id == SINGLE else many
    optional = {"link": link, "others": many, "note": values, "last": values}
    return Entry(entry_id, type_id, draw(st.fixed_dictionaries({}, optional=optional)))


@st.composite
def sites(draw: st.DrawFn) -> Published:
    ids = draw(st.lists(st.sampled_from(IDS), unique=True))
    return {entry_id: draw(entry(entry_id)) for entry_id in ids}


@given(sites(), st.sampled_from([(), expansions(), expansions(*expansions())]))
def test_what_is_composed_is_what_expanding_means(
    published: Published, wanted: tuple[Expansion, ...]
) -> None:
    entries = list(published.values())
    assert compose(entries, wanted, published) == [
        expanded(entry, wanted, published) for entry in entries
    ]


@given(sites(), st.sampled_from([(), expansions(), expansions(*expansions())]))
def test_entries_have_at_most_as_many_bytes_as_they_may(
    published: Published, wanted: tuple[Expansion, ...]
) -> None:
    found = fetched(list(published.values()), wanted, published)
    size = sum(map(len, composed(found, wanted, ENOUGH)))
    composed(found, wanted, size)
    with pytest.raises(TooLargeError):
        composed(found, wanted, size - 1)


A, B = Entry(IDS[0], SINGLE), Entry(IDS[1], MANY, {"note": {}})
SITE = {A.id: A, B.id: B}
CASES: dict[str, tuple[UUID, dict[str, Any], dict[str, Any]]] = {
    "no reference": (SINGLE, {}, {"link": None, "others": []}),
    "null": (SINGLE, {"link": None}, {"link": None, "others": []}),
    "one": (SINGLE, {"link": A.id}, {"link": A, "others": []}),
    "one that is not published": (SINGLE, {"link": IDS[5]}, {"link": None, "others": []}),
    "some that are not published": (MANY, {"others": [IDS[5], B.id]}, {"link": [], "others": [B]}),
    "the same twice": (MANY, {"link": [B.id, A.id, B.id]}, {"link": [B, A, B], "others": []}),
    "other fields": (MANY, {"a": {"b": "}}"}}, {"a": {"b": "}}"}, "link": [], "others": []}),
}


@pytest.mark.parametrize(("type_id", "fields", "shown"), CASES.values(), ids=CASES)
def test_odd_cases(type_id: UUID, fields: dict[str, Any], shown: dict[str, Any]) -> None:
    item = Entry(IDS[4], type_id, fields)

    def as_json(value: Any) -> Any:
        if isinstance(value, list):
            return [as_json(one) for one in value]
        return value.whole(value.fields) if isinstance(value, Entry) else value

    expected = item.whole({name: as_json(value) for name, value in shown.items()})
    assert compose([item], expansions(), SITE) == [expected]


def test_what_would_be_too_large_is_never_made() -> None:
    """A few entries that refer to each other many times would have 100 GB."""
    large = Entry(IDS[0], SINGLE, {"note": "x" * 10_000})
    site = {large.id: large} | {i: Entry(i, MANY, {"others": [IDS[0]] * 3000}) for i in IDS[1:2]}
    top = Entry(IDS[4], MANY, {"others": [IDS[1]] * 3000})
    with pytest.raises(TooLargeError):
        compose([top], expansions(*expansions()), site)
