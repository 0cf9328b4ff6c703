"""The SQL of a checked query. Its text holds constants of its modules alone: field names and values
go as parameters, so that all types and tenants share the prepared statements. Pure.

With row-level security an index is searched only by what PostgreSQL knows to be leakproof. What a
function yields is, in a sub-select of its own.
"""

# ruff: noqa: S608 - see above

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from cms_service.core.paging.pages import MAX_LIMIT
from cms_service.delivery.query.attributes import Column, ValueKind
from cms_service.delivery.query.cursors import Place
from cms_service.delivery.query.expansions import Expansion
from cms_service.delivery.query.plan import Comparison, ListPlan, Shape
from cms_service.delivery.sql.filters import ANY, SINGLE, condition
from cms_service.delivery.sql.included import Shown, shown
from cms_service.delivery.sql.inlined import inlined
from cms_service.delivery.sql.items import METADATA, UNPACKED, Rows, as_bytes, item
from cms_service.delivery.sql.parameters import Given, Later, Parameters, Sql, as_json
from cms_service.delivery.sql.sort_keys import SortKeys

# The tenant is set before anything is read: what reads is joined LATERAL, and kept by OFFSET 0 from
# being merged with the rest. The generations are of the content's own snapshot.
_TENANT_SET = "(SELECT set_config('cms.tenant', $1::uuid::text, true)::uuid OFFSET 0) t(id)"
_WRAPPED = f"""SELECT x.generations[1] AS generation, x.generations[2] AS types_generation,
    {{columns}} FROM {_TENANT_SET} CROSS JOIN LATERAL (
{{query}}, (SELECT ARRAY[n.generation, n.types_generation] FROM cms.tenants n WHERE n.id = t.id)
    AS generations OFFSET 0) x"""

# A pod holds an answer in memory several times, and those of many readers at once.
MAX_ANSWER_BYTES = 8 * 1024 * 1024
# Bytes of an array's texts, or a few less: the array itself takes 24, and up to 8 for each text.
# `composing` counts exactly.
_SIZE = "coalesce(pg_column_size(x.{0})::bigint - 24 - 8 * cardinality(x.{0}), 0)"
# How a row of content begins; the arrays of entries follow.
COLUMNS = ("generation", "types_generation", "is_too_large", "next", "references")

TYPES = _WRAPPED.format(
    columns="x.types",
    query="""SELECT (SELECT coalesce(json_agg(json_build_object(
    'id', c.id, 'name', c.name, 'displayName', c.display_name, 'fields', c.fields,
    'version', c.version, 'createdAt', c.created_at, 'updatedAt', c.updated_at,
    'locales', n.locales)), '[]')::text
    FROM cms.content_types c JOIN cms.tenants n ON n.id = c.tenant_id
    WHERE c.tenant_id = t.id AND c.name = ANY ($2::text[])) AS types""",
)

# Kinds of few different values come last: they narrow a search the least.
_NARROWEST = (
    ValueKind.LINK,
    ValueKind.LINKS,
    ValueKind.TEXT,
    ValueKind.MOMENT,
    ValueKind.DATE,
    ValueKind.NUMBER,
    ValueKind.BOOLEAN,
)
_TENANT = "p.tenant_id = t.id"


@dataclass(frozen=True)
class EntryStatement:
    """A statement for any one entry of a type: `$2` is its slug or id, `values` the rest.
    `of_definitions`: whether it is made of what is known of types.
    """

    by_slug: str
    by_id: str
    values: tuple[object, ...]
    of_definitions: bool = True

    def of(self, place: str | UUID) -> Sql:
        text = self.by_id if isinstance(place, UUID) else self.by_slug
        return Sql(text, (place, *self.values))


def plain_entry(type_name: str) -> EntryStatement:
    """An entry as it is, of a type whose definition need not be known."""
    return EntryStatement(*_PLAIN, (type_name,), of_definitions=False)


def shaped_entry(shape: Shape, type_id: UUID) -> EntryStatement:
    parameters = Parameters()
    parameters.values.append(None)  # the place of the slug or id
    page = f"""SELECT p.* FROM cms.published_entries p
        WHERE {_TENANT} AND p.content_type_id = {parameters.add(type_id, "uuid")}"""
    by_slug, by_id = map(sys.intern, _entry(page, inlined("p", shape, parameters)))
    return EntryStatement(by_slug, by_id, tuple(parameters.values[1:]))


def _entry(page: str, each: str) -> tuple[str, str]:
    """The statements that find an entry by its slug and by its id."""
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
        columns=f"""{size} > {MAX_ANSWER_BYTES} AS is_too_large, x.next, x."references",
    {", ".join(fetched)}""",
        query=f"""WITH {queries}
SELECT {", ".join(f"{entries} AS {name}" for name, entries in named)},
    {selected.references} AS "references", {place} AS next""",
    )


@dataclass(frozen=True)
class ListStatement:
    """A statement for all lists of one form, whatever they are compared with and wherever they go
    on.
    """

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
    keys = SortKeys(plan.keys, parameters)
    source, conditions = _source(plan, type_id, keys, parameters)
    conditions += [
        condition(number, test, parameters) for number, test in enumerate(plan.comparisons)
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
    plan: ListPlan, type_id: str, keys: SortKeys, parameters: Parameters
) -> tuple[str, list[str]]:
    """What is read first, with its conditions: the search index where words are given, the index of
    values where a filter can use it, else the entries themselves.
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
    if test.operator in SINGLE:
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
    """Join each entry by its key. OFFSET 0 keeps the planner from any other way."""
    return f"""CROSS JOIN LATERAL (
            SELECT e.* FROM cms.published_entries e
            WHERE e.tenant_id = {tenant} AND e.entry_id = i.entry_id OFFSET 0) p"""


def _narrowest(tests: Iterable[Comparison]) -> int | None:
    """The number of the filter that likely finds the fewest entries in the index of values; None
    where another index serves better.
    """
    positive = {n: t.attribute for n, t in enumerate(tests) if t.operator in SINGLE | ANY}
    if any(attribute.column in {Column.ID, Column.SLUG} for attribute in positive.values()):
        return None  # these have an index of their own
    indexed = [n for n, attribute in positive.items() if attribute.field and not attribute.chain]
    return min(indexed, key=lambda n: _NARROWEST.index(positive[n].kind), default=None)


_PLAIN = _entry(
    f"""SELECT p.* FROM cms.content_types c
        JOIN cms.published_entries p ON p.tenant_id = c.tenant_id AND p.content_type_id = c.id
        WHERE c.tenant_id = t.id AND {_TENANT} AND c.name = $3::text""",
    item("p", "$3::text", METADATA, "p.fields"),
)
