"""The SQL of a checked query. Its text holds constants of its modules alone: field names and values
go as parameters, so that all types and tenants share the prepared statements. Pure.

With row-level security an index is searched only by what PostgreSQL knows to be leakproof. What a
function yields is, in a sub-select of its own.
"""

# ruff: noqa: S608 - see above

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any
from uuid import UUID

from cms_service.core.paging import MAX_LIMIT
from cms_service.delivery.attributes import Attribute, Column, Kind
from cms_service.delivery.cursors import SORTED_CHARACTERS, Place
from cms_service.delivery.expansions import Expansion
from cms_service.delivery.included import Shown, shown
from cms_service.delivery.inlined import inlined
from cms_service.delivery.items import METADATA, UNPACKED, Rows, as_bytes, item
from cms_service.delivery.parameters import Given, Later, Parameters, Sql, as_json
from cms_service.delivery.plan import Comparison, ListPlan, Shape, SortKey
from cms_service.delivery.query import Operator

# The tenant is set before anything is read: what reads is joined LATERAL, and kept by OFFSET 0 from
# being merged with the rest. The generation is of the content's own snapshot.
_TENANT_SET = "(SELECT set_config('cms.tenant', $1::uuid::text, true)::uuid OFFSET 0) t(id)"
_WRAPPED = f"""SELECT {{columns}} FROM {_TENANT_SET} CROSS JOIN LATERAL (
{{query}}, (SELECT n.generation FROM cms.tenants n WHERE n.id = t.id) AS generation OFFSET 0) x"""

# A pod holds an answer in memory several times, and those of many readers at once.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
# Of an array's texts, or some bytes less for each: it takes 24 bytes, and up to 8 for each. What is
# shown is counted exactly where it is put together.
_SIZE = "coalesce(pg_column_size(x.{0})::bigint - 24 - 8 * cardinality(x.{0}), 0)"
# How a row of content begins; the arrays of entries follow.
COLUMNS = ("generation", "is_too_large", "next", "references")

TYPES = _WRAPPED.format(
    columns="x.*",
    query="""SELECT (SELECT coalesce(json_agg(json_build_object(
    'id', c.id, 'name', c.name, 'displayName', c.display_name, 'fields', c.fields,
    'version', c.version, 'createdAt', c.created_at, 'updatedAt', c.updated_at,
    'locales', n.locales)), '[]')::text
    FROM cms.content_types c JOIN cms.tenants n ON n.id = c.tenant_id
    WHERE c.tenant_id = t.id AND c.name = ANY ($2::text[])) AS types""",
)

_COLUMNS = {
    Column.ID: "p.entry_id",
    Column.SLUG: "p.slug",
    Column.PUBLISHED_AT: "p.published_at",
    Column.RANK: "i.rank",
}
_CASTS = {
    Kind.ID: "uuid",
    Kind.TEXT: 'text COLLATE "C"',
    Kind.NUMBER: "numeric",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: 'text COLLATE "C"',
    Kind.MOMENT: "timestamptz",
}
_COMPARISONS = {Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
_NEGATIVE = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN}
_SINGLE = frozenset({Operator.EQ, Operator.HAS})
_ANY = frozenset({Operator.IN, Operator.HAS_ANY})
# Kinds of few different values come last: they narrow a search the least.
_NARROWEST = (Kind.LINK, Kind.LINKS, Kind.TEXT, Kind.MOMENT, Kind.DATE, Kind.NUMBER, Kind.BOOLEAN)
_TENANT = "p.tenant_id = t.id"


@dataclass(frozen=True)
class EntryStatement:
    """For whichever entry of a type: `$2` is its slug or id, `values` the rest."""

    by_slug: str
    by_id: str
    values: tuple[object, ...]

    def of(self, place: str | UUID) -> Sql:
        text = self.by_id if isinstance(place, UUID) else self.by_slug
        return Sql(text, (place, *self.values))


def plain_entry(type_name: str) -> EntryStatement:
    """An entry as it is, of a type whose definition need not be known."""
    return EntryStatement(*_PLAIN, (type_name,))


def shaped_entry(shape: Shape, type_id: UUID) -> EntryStatement:
    parameters = Parameters()
    parameters.values.append(None)  # the place of the slug or id
    page = f"""SELECT p.* FROM cms.published_entries p
        WHERE {_TENANT} AND p.content_type_id = {parameters.add(type_id, "uuid")}"""
    by_slug, by_id = map(sys.intern, _entry(page, inlined("p", shape, parameters)))
    return EntryStatement(by_slug, by_id, tuple(parameters.values[1:]))


def _entry(page: str, each: str) -> tuple[str, str]:
    """By slug and by id."""
    by_slug, by_id = (
        _asked(f"{page} AND {place}", Shown((f"(SELECT ARRAY[{as_bytes(each)}] FROM p)",)))
        for place in ("p.slug = $2::text", "p.entry_id = $2::uuid")
    )
    return by_slug, by_id


def _asked(page: str, selected: Shown, place: str = "NULL") -> str:
    """`page` yields the entries, `place` that of the last one."""
    queries = ",\n".join((f"p AS MATERIALIZED ({page})", *selected.queries))
    named = [(f"entries_{number}", entries) for number, entries in enumerate(selected.entries)]
    size = " + ".join(_SIZE.format(name) for name, _ in named)
    fetched = (f"CASE WHEN {size} <= {MAX_ANSWER_BYTES} THEN x.{name} END" for name, _ in named)
    return _WRAPPED.format(
        columns=f"""x.generation, {size} > {MAX_ANSWER_BYTES} AS is_too_large, x.next,
    x."references", {", ".join(fetched)}""",
        query=f"""WITH {queries}
SELECT {", ".join(f"{entries} AS {name}" for name, entries in named)},
    {selected.references} AS "references", {place} AS next""",
    )


@dataclass(frozen=True)
class ListStatement:
    """For all lists of one form, whatever they are compared with and wherever they go on."""

    text: str
    values: tuple[object, ...]
    expansions: tuple[Expansion, ...]

    def of(self, plan: ListPlan, after: Place | None) -> Sql:
        given = Given(plan, after or ())
        values = tuple(
            value.value(given) if isinstance(value, Later) else value for value in self.values
        )
        return Sql(self.text, values, self.expansions)


def list_statement(plan: ListPlan, shape: Shape, *, goes_on: bool) -> ListStatement:
    """One row: the items, and the place of the last where there are more. The inner limit tells
    the planner that few are wanted, which it cannot see from a parameter.
    """
    parameters = Parameters()
    limit = parameters.add(plan.limit, "integer")
    type_id = parameters.add(plan.type_id, "uuid")
    keys = _Keys(plan.keys, parameters)
    source, conditions = _source(plan, type_id, keys, parameters)
    conditions += [
        _condition(number, test, parameters) for number, test in enumerate(plan.comparisons)
    ]
    if goes_on:
        conditions.append(keys.after())
    page = f"""
    SELECT {UNPACKED.format("q")}, {keys.names},
        row_number() OVER (ORDER BY {keys.order("q.key_{}")}) AS position FROM (
        SELECT * FROM (
            SELECT p.*, {keys.columns} FROM {source}
            WHERE {" AND ".join(conditions)}
            ORDER BY {keys.order()} LIMIT {MAX_LIMIT + 1}) few
        LIMIT {limit} + 1) q"""
    rows = Rows("p", f"p WHERE p.position <= {limit}", " ORDER BY p.position")
    place = f"""(SELECT json_build_array({keys.place})::text FROM p
        WHERE p.position = {limit}
          AND EXISTS (SELECT FROM p WHERE p.position > {limit}))"""
    text = sys.intern(_asked(page, shown(rows, shape, parameters), place))
    return ListStatement(text, tuple(parameters.values), shape.expansions)


def _source(
    plan: ListPlan, type_id: str, keys: "_Keys", parameters: Parameters
) -> tuple[str, list[str]]:
    """What is read first: the words where they are searched, and the index of values where a
    filter asks for one.
    """
    if plan.search is not None:
        words = parameters.later(lambda given: given.plan.search, "text")
        found = f"cms.published_matches({words}, {type_id}) i"
        return f"{found} {_joined_entry('t.id')}", ["true"]
    number = _narrowest(plan.comparisons)
    if number is None:
        return "cms.published_entries p", [_TENANT, f"p.content_type_id = {type_id}"]
    test = plan.comparisons[number]
    field = parameters.add(test.attribute.field, "text")
    conditions = ["i.tenant_id = t.id", f"i.content_type_id = {type_id}"]
    if test.operator in _SINGLE:
        value = parameters.compared(number, lambda values: as_json(values[0]), "jsonb")
        conditions.append(f"i.term = (SELECT cms.term({type_id}, {field}, {value}))")
        keys.use_index()
        return f"cms.published_terms i {_joined_entry()}", conditions
    values = parameters.compared(number, lambda values: [as_json(v) for v in values], "jsonb[]")
    terms = f"SELECT cms.term({type_id}, {field}, v.value) FROM unnest({values}) v(value)"
    conditions.append(f"i.term = ANY (ARRAY({terms}))")
    found = f"""(SELECT DISTINCT i.tenant_id, i.entry_id FROM cms.published_terms i
        WHERE {" AND ".join(conditions)}) i"""
    return f"{found} {_joined_entry()}", ["true"]


def _joined_entry(tenant: str = "i.tenant_id") -> str:
    """Always looked up by its key."""
    return f"""CROSS JOIN LATERAL (
            SELECT e.* FROM cms.published_entries e
            WHERE e.tenant_id = {tenant} AND e.entry_id = i.entry_id OFFSET 0) p"""


def _narrowest(tests: Iterable[Comparison]) -> int | None:
    """Its number."""
    positive = {n: t.attribute for n, t in enumerate(tests) if t.operator in _SINGLE | _ANY}
    if any(attribute.column in {Column.ID, Column.SLUG} for attribute in positive.values()):
        return None  # these have an index of their own
    indexed = [n for n, attribute in positive.items() if attribute.field and not attribute.chain]
    return min(indexed, key=lambda n: _NARROWEST.index(positive[n].kind), default=None)


def _condition(number: int, test: Comparison, parameters: Parameters) -> str:
    if (positive := _NEGATIVE.get(test.operator)) is not None:
        found = _condition(number, replace(test, operator=positive), parameters)
        return f"NOT coalesce({found}, false)"
    attribute, operator = test.attribute, test.operator
    if operator is Operator.EXISTS:
        there = "IS NOT NULL" if test.values[0] else "IS NULL"
        return f"{_stored(attribute, parameters)} {there}"
    if operator in _COMPARISONS:
        value = parameters.compared(number, lambda values: _text(values[0]), "text")
        left, cast = _comparable(attribute, parameters), _CASTS[attribute.kind]
        return f"{left} {_COMPARISONS[operator]} ({value})::{cast}"
    if attribute.column is not None:
        return _column_equals(number, test, parameters)
    left = f"{_stored(attribute, parameters)} =" if attribute.chain else "p.fields @>"

    def encode(value: Any) -> str:
        if attribute.chain:
            return as_json(value)
        return as_json({attribute.field: [value] if attribute.kind is Kind.LINKS else value})

    if operator in _SINGLE:
        one = parameters.compared(number, lambda values: encode(values[0]), "jsonb")
        return f"{left} {one}"
    some = parameters.compared(number, lambda values: [encode(v) for v in values], "jsonb[]")
    return f"{left} ANY ({some})"


def _column_equals(number: int, test: Comparison, parameters: Parameters) -> str:
    column = _COLUMNS[test.attribute.column] if test.attribute.column else ""
    cast = "text" if test.attribute.kind is Kind.TEXT else _CASTS[test.attribute.kind]
    if test.operator in _SINGLE:
        return f"{column} = ({parameters.compared(number, itemgetter(0), 'text')})::{cast}"
    return f"{column} = ANY (({parameters.compared(number, list, 'text[]')})::{cast}[])"


def _text(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)


def _stored(attribute: Attribute, parameters: Parameters) -> str:
    """The value as it is in the row."""
    if attribute.column is not None:
        return _COLUMNS[attribute.column]
    value = f"(p.fields->({parameters.add(attribute.field, 'text')}))"
    if not attribute.chain:
        return value
    found = (f"{value}->({parameters.add(locale, 'text')})" for locale in attribute.chain)
    return f"coalesce({', '.join(found)})"


def _comparable(attribute: Attribute, parameters: Parameters) -> str:
    stored = _stored(attribute, parameters)
    if attribute.column is not None:
        return f'{stored} COLLATE "C"' if attribute.kind is Kind.TEXT else stored
    text = f"({stored} #>> '{{}}')"
    if attribute.kind is Kind.TEXT:
        text = f"left({text}, {SORTED_CHARACTERS})"
    return f"({text})::{_CASTS[attribute.kind]}"


class _Keys:
    """What a list is sorted by; the entry's id is the last, for two to be never equal. Entries
    without a value come last in either direction.
    """

    def __init__(self, keys: Sequence[SortKey], parameters: Parameters) -> None:
        self._keys = keys
        self._parameters = parameters
        self._expressions = [_comparable(key.attribute, parameters) for key in keys]
        self._expressions.append("p.entry_id")
        self._descending = [*(key.descending for key in keys), keys[-1].descending]

    def use_index(self) -> None:
        """Of values, which holds the times of publication too: in their order there is nothing to
        sort.
        """
        if self._is_by_time:
            self._expressions = ["i.published_at", "i.entry_id"]

    @property
    def _is_by_time(self) -> bool:
        return [key.attribute.column for key in self._keys] == [Column.PUBLISHED_AT]

    @property
    def columns(self) -> str:
        return ", ".join(f"{text} AS key_{n}" for n, text in enumerate(self._expressions))

    @property
    def names(self) -> str:
        return ", ".join(f"q.key_{n}" for n in range(len(self._expressions)))

    @property
    def place(self) -> str:
        *keys, entry_id = [f"p.key_{number}" for number in range(len(self._expressions))]
        texts = (
            f"cms.iso_time({text})" if key.attribute.kind is Kind.MOMENT else f"{text}::text"
            for text, key in zip(keys, self._keys, strict=True)
        )
        return ", ".join((*texts, f"{entry_id}::text"))

    def order(self, name: str = "") -> str:
        """By these columns; by the expressions where none are named."""
        return ", ".join(
            (name.format(number) if name else text) + self._direction(number)
            for number, text in enumerate(self._expressions)
        )

    def _direction(self, number: int) -> str:
        direction = " DESC" if self._descending[number] else " ASC"
        return direction + (" NULLS LAST" if self._may_be_absent(number) else "")

    def _may_be_absent(self, number: int) -> bool:
        if number == len(self._keys):
            return False
        return self._keys[number].attribute.column not in {
            Column.ID,
            Column.PUBLISHED_AT,
            Column.RANK,
        }

    def after(self) -> str:
        values = [
            f"({self._parameters.later(_in_place(number), 'text')})::{cast}"
            for number, cast in enumerate(self._casts())
        ]
        if self._is_by_time:
            sign = "<" if self._descending[0] else ">"
            return f"({', '.join(self._expressions)}) {sign} ({', '.join(values)})"
        ways = []
        for number, (text, value) in enumerate(zip(self._expressions, values, strict=True)):
            same = [
                f"{earlier} IS NOT DISTINCT FROM {before}"
                for earlier, before in zip(self._expressions[:number], values, strict=False)
            ]
            ways.append(" AND ".join((*same, self._beyond(number, text, value))))
        return f"({' OR '.join(f'({way})' for way in ways)})"

    def _beyond(self, number: int, text: str, value: str) -> str:
        beyond = f"{text} {'<' if self._descending[number] else '>'} {value}"
        if self._may_be_absent(number):
            return f"({beyond} OR ({text} IS NULL AND {value} IS NOT NULL))"
        return beyond

    def _casts(self) -> list[str]:
        return [*(_CASTS[key.attribute.kind] for key in self._keys), "uuid"]


def _in_place(number: int) -> Callable[[Given], object]:
    return lambda given: given.after[number]


_PLAIN = _entry(
    f"""SELECT p.* FROM cms.content_types c
        JOIN cms.published_entries p ON p.tenant_id = c.tenant_id AND p.content_type_id = c.id
        WHERE c.tenant_id = t.id AND {_TENANT} AND c.name = $3::text""",
    item("p", "$3::text", METADATA, "p.fields"),
)
