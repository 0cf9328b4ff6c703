"""Lists by random filters and sorts are what a few lines of Python make of the same entries."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

from cms_service.content_types.fields import BaseField
from cms_service.core.validation.strict_json import MAX_NUMBER
from cms_service.delivery.query.attributes import OPERATORS, SORTABLE, kind_of
from cms_service.delivery.query.grammar import WITH_LISTS
from tests.service.test_content_model import GERMAN
from tests.service.test_delivery_lists import Newsroom
from tests.service.world import Desk, expect
from tests.support import field_kinds

CHAIN = ("de-AT", "de", "en")
LONG = "b" * 100
VALUES: dict[str, list[Any]] = {
    "text": [
        *("", "a", "A", "á", "a\u0301", "%", "a,b", "\\", '"', "\uffff", "\U00010000"),
        *(LONG, LONG + "a", LONG + "b"),
    ],
    "number": [0, -1.5, 10, 10.0, 0.1 + 0.2, 1e-20, -MAX_NUMBER, MAX_NUMBER],
    "boolean": [True, False],
    "date": ["0001-01-01", "2024-02-29", "9999-12-31"],
    "datetime": [
        *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        *("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T01:00:00+01:00"),
    ],
    "enumeration": ["a", "b"],
    "email": ["a@b.example", "A@b.example", "a,b@c.example"],
    "url": ["https://a.example", "https://a.example/b,c?d=%20"],
}
FIELDS = [
    *(field_kinds.field(kind) for kind in [*VALUES, "slug", "reference", "references"]),
    field_kinds.field("text", localised=True).model_copy(update={"name": "title"}),
]
ORDERED = [field for field in FIELDS if kind_of(field) in SORTABLE]
COMPARED: dict[str, Callable[[Any], Any]] = {
    "number": lambda value: Decimal(repr(value)),
    "datetime": datetime.fromisoformat,
}
HOLDS: dict[str, Callable[[Any, Sequence[Any]], bool]] = {
    "eq": lambda value, given: value == given[0],
    "ne": lambda value, given: value != given[0],
    "in": lambda value, given: value in given,
    "nin": lambda value, given: value not in given,
    "has": lambda value, given: given[0] in (value or ()),
    "hasany": lambda value, given: not set(given).isdisjoint(value or ()),
    "exists": lambda value, given: (value is not None) == given[0],
    "lt": lambda value, given: value is not None and value < given[0],
    "lte": lambda value, given: value is not None and value <= given[0],
    "gt": lambda value, given: value is not None and value > given[0],
    "gte": lambda value, given: value is not None and value >= given[0],
}


def value_of(item: dict[str, Any], field: BaseField) -> Any:
    stored = item["fields"].get(field.name)
    if stored is not None and field.name == "title":
        stored = next((stored[code] for code in CHAIN if code in stored), None)
    return None if stored is None else comparable(field, stored)


def comparable(field: BaseField, value: Any) -> Any:
    return COMPARED.get(field.kind, lambda same: same)(value)


def spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else format(Decimal(repr(value)), "f")


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,")


class Filter(NamedTuple):
    field: BaseField
    operator: str
    values: list[Any]

    @property
    def parameter(self) -> tuple[str, str]:
        texts = [spelled(value) for value in self.values]
        several = self.operator in WITH_LISTS
        value = ",".join(map(escaped, texts)) if several else texts[0]
        return f"filter[fields.{self.field.name}][{self.operator}]", value

    def holds(self, item: dict[str, Any]) -> bool:
        exists = self.operator == "exists"
        given = self.values if exists else [comparable(self.field, one) for one in self.values]
        return HOLDS[self.operator](value_of(item, self.field), given)


class Sort(NamedTuple):
    field: BaseField
    descending: bool

    @property
    def name(self) -> str:
        return ("-" if self.descending else "") + f"fields.{self.field.name}"

    def ordered(self, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those without a value last; equal ones as they were."""

        def key(item: dict[str, Any]) -> Any:
            value = value_of(item, self.field)
            whole = not isinstance(value, str) or self.field.kind == "slug"
            return value if whole else value[:100]

        there = [item for item in items if key(item) is not None]
        absent = [item for item in items if key(item) is None]
        return sorted(there, key=key, reverse=self.descending) + absent


class Chance:
    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same each time
        self.targets: list[str] = []

    def fields(self, number: int) -> dict[str, Any]:
        values = {one.name: self._value(one) for one in FIELDS if self._random.random() < 0.7}
        if "title" in values:
            values["title"] = {code: self._value(FIELDS[-1]) for code in self._some(CHAIN, 2)}
        if "slug" in values:
            values["slug"] = f"{LONG}{number}" if number % 2 else f"s-{number}"
        if "references" in values:
            values["references"] = self._some(self.targets, 2)
        return values

    def _value(self, field: BaseField) -> Any:
        return self._random.choice(VALUES.get(field.kind, self.targets))

    def _some(self, members: Sequence[Any], most: int) -> list[Any]:
        return self._random.sample(members, self._random.randint(0, min(most, len(members))))

    def filters(self) -> list[Filter]:
        names = {(one.field.name, one.operator): one for one in map(self._filter, range(3))}
        return self._some([*names.values()], 3)

    def _filter(self, _number: int) -> Filter:
        field = self._random.choice([one for one in FIELDS if one.kind != "slug"])
        name = self._random.choice(sorted(OPERATORS[kind_of(field)]))
        if name == "exists":
            return Filter(field, name, [self._random.random() < 0.5])
        return Filter(field, name, [self._value(field) for _ in range(1 + (name in WITH_LISTS))])

    def sorts(self) -> list[Sort]:
        return [Sort(one, self._random.random() < 0.5) for one in self._some(ORDERED, 3)]

    def limit(self) -> int:
        return self._random.choice([1, 3, 100])


async def pages(newsroom: Newsroom, query: dict[str, Any]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = expect(await newsroom.get(f"thing?{urlencode(query | cursor)}"), 200)
        items += page["items"]
        if page["nextCursor"] is None:
            return items
        cursor = {"cursor": page["nextCursor"]}


@pytest.mark.parametrize("seed", range(3))
async def test_lists_and_their_pages_are_what_their_filters_and_sorts_say(
    acme: Desk, seed: int
) -> None:
    newsroom, chance = Newsroom(acme), Chance(seed)
    expect(await acme.client.put(newsroom.locales, json=GERMAN), 200)
    fields = [one.model_dump(mode="json", by_alias=True, exclude_none=True) for one in FIELDS]
    author = {"name": "author", "displayName": "Author", "fields": fields[:1]}
    thing = {"name": "thing", "displayName": "Thing", "fields": fields}
    for content_type in (author, thing):
        expect(await acme.client.post(newsroom.types, json=content_type), 201)
    chance.targets = [await newsroom.issue("author") for _ in range(3)]
    for number in range(30):
        await newsroom.issue("thing", **chance.fields(number))
    everything = await pages(newsroom, {"limit": 100})
    assert len(everything) == 30

    for _ in range(60):
        filters, sorts, limit = chance.filters(), chance.sorts(), chance.limit()
        query = {"locale": CHAIN[0], "limit": limit, "select": "id"}
        query |= dict(one.parameter for one in filters)
        query |= {"sort": ",".join(one.name for one in sorts)} if sorts else {}
        expected = [item for item in everything if all(one.holds(item) for one in filters)]
        if sorts:
            expected.sort(key=lambda item: item["id"], reverse=sorts[-1].descending)
        for one in reversed(sorts):
            expected = one.ordered(expected)
        found = await pages(newsroom, query)
        assert [item["id"] for item in found] == [item["id"] for item in expected], query
