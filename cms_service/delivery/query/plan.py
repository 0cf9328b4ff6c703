"""A query checked against the definition of its type: what is unknown or does not fit is refused
here, so that nothing of a client's but values goes further. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from cms_service.content_types.fields import BaseField
from cms_service.content_types.fields.kinds import ComponentField, ComponentsField
from cms_service.content_types.fields.scalar import LocalisableField
from cms_service.content_types.fields.slug import SlugField
from cms_service.content_types.schemas import ContentType
from cms_service.delivery.query.attributes import (
    COLUMN_KINDS,
    SORTABLE,
    Attribute,
    Column,
    ValueKind,
    kind_of,
    operators_of,
)
from cms_service.delivery.query.expansions import Expansion, check_entries, expansions_of
from cms_service.delivery.query.filter_values import boolean_of, value_of
from cms_service.delivery.query.grammar import Condition, Operator, Order, Query, refuse

# Always there, so that an answer can be told apart from another.
ALWAYS = ("id", "type")
METADATA = ("slug", "version", "publishedAt")
_FIELDS = "fields"
_PREFIX = "fields."
_RANK = Attribute(ValueKind.NUMBER, Column.RANK)

# Where an entry's localised fields are: True for a field, a tree for a component.
Tree = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """`values` are as they are stored."""

    attribute: Attribute
    operator: Operator
    values: tuple[Any, ...]


@dataclass(frozen=True)
class SortKey:
    attribute: Attribute
    descending: bool


@dataclass(frozen=True)
class Shape:
    """What an entry's JSON holds. `fields` is None for all of them, empty for none."""

    type_name: str
    metadata: tuple[str, ...]
    fields: tuple[str, ...] | None
    expansions: tuple[Expansion, ...]
    chain: tuple[str, ...]
    trees: Mapping[UUID, Tree]
    type_names: Mapping[UUID, str]


@dataclass(frozen=True)
class ListPlan:
    type_id: UUID
    search: str | None
    comparisons: tuple[Comparison, ...]
    keys: tuple[SortKey, ...]
    limit: int


def list_plan(query: Query, content_type: ContentType) -> ListPlan:
    """Check search, filters, sort and limit of a query. Raises BadRequest."""
    chain = _chain(query.locale, content_type)
    first = _column(Column.PUBLISHED_AT) if query.search is None else _RANK
    return ListPlan(
        type_id=content_type.id,
        search=query.search,
        comparisons=tuple(
            _comparison(condition, content_type, chain) for condition in query.conditions
        ),
        keys=tuple(_key(order, content_type, chain) for order in query.orders)
        or (SortKey(first, descending=True),),
        limit=query.limit,
    )


def entry_shape(
    query: Query, content_type: ContentType, types: Mapping[str, ContentType], entries: int = 1
) -> Shape:
    """The shape of an answer of at most so many entries. `types` holds the types that expanded
    references may lead to. Raises BadRequest.
    """
    metadata, fields = _selected(query.select, content_type)
    for path in query.expand:
        if fields is not None and path[0] not in fields:
            refuse("expand", f"{path[0]} is not selected")
    every = {content_type.id: content_type} | {one.id: one for one in types.values()}
    chain = _chain(query.locale, content_type)
    expansions = expansions_of(query.expand, [content_type], types)
    check_entries(entries * sum(one.entries for one in expansions))
    return Shape(
        type_name=content_type.name,
        metadata=metadata,
        fields=fields,
        expansions=expansions,
        chain=chain,
        trees={one.id: tree for one in every.values() if (tree := _tree(one.fields))}
        if chain
        else {},
        type_names={one.id: one.name for one in every.values()},
    )


def _chain(locale: str | None, content_type: ContentType) -> tuple[str, ...]:
    if locale is None:
        return ()
    if locale not in content_type.locales.codes:
        known = ", ".join(sorted(content_type.locales.codes))
        refuse("locale", f"{locale} is no locale of the tenant; there are {known}")
    return content_type.locales.chain(locale)


def _tree(fields: Sequence[BaseField]) -> Tree:
    tree: Tree = {}
    for field in fields:
        if isinstance(field, LocalisableField) and field.localised:
            tree[field.name] = True
        elif isinstance(field, ComponentField | ComponentsField) and (inner := _tree(field.fields)):
            tree[field.name] = inner
    return tree


def _selected(
    select: Sequence[str] | None, content_type: ContentType
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    if select is None:
        return METADATA, None
    known = {field.name for field in content_type.fields}
    fields = []
    for name in select:
        if name.startswith(_PREFIX):
            if (field := name.removeprefix(_PREFIX)) not in known:
                refuse("select", f"the type {content_type.name} has no field {field}")
            fields.append(field)
        elif name not in {*ALWAYS, *METADATA, _FIELDS}:
            known_names = ", ".join((*ALWAYS, *METADATA, _FIELDS))
            refuse("select", f"{name} is unknown; there are {known_names} and fields.NAME")
    metadata = tuple(name for name in METADATA if name in select)
    return metadata, None if _FIELDS in select else tuple(fields)


def _attribute(
    parameter: str, name: str, content_type: ContentType, chain: tuple[str, ...]
) -> tuple[Attribute, BaseField | None]:
    if not name.startswith(_PREFIX):
        if name not in COLUMN_KINDS:
            known = ", ".join(COLUMN_KINDS)
            refuse(parameter, f"{name} is unknown; there are {known} and fields.NAME")
        return _column(Column(name)), None
    wanted = name.removeprefix(_PREFIX)
    field = next((field for field in content_type.fields if field.name == wanted), None)
    if field is None:
        refuse(parameter, f"the type {content_type.name} has no field {wanted}")
    localised = isinstance(field, LocalisableField) and field.localised
    if localised and not chain:
        refuse(parameter, f"{wanted} is localised: say in which locale")
    return Attribute(kind_of(field), field=field.name, chain=chain if localised else ()), field


def _column(column: Column) -> Attribute:
    return Attribute(COLUMN_KINDS[column], column)


def _key(order: Order, content_type: ContentType, chain: tuple[str, ...]) -> SortKey:
    attribute, field = _attribute("sort", order.attribute, content_type, chain)
    if attribute.kind not in SORTABLE:
        kind = field.kind if field else attribute.kind
        refuse("sort", f"{order.attribute} is of the kind {kind}, which has no order")
    if isinstance(field, SlugField):
        attribute = _column(Column.SLUG)  # the same value, of which all counts
    return SortKey(attribute, order.descending)


def _comparison(
    condition: Condition, content_type: ContentType, chain: tuple[str, ...]
) -> Comparison:
    parameter = condition.parameter
    attribute, field = _attribute(parameter, condition.attribute, content_type, chain)
    allowed = operators_of(attribute)
    if condition.operator not in allowed:
        refuse(parameter, f"takes the operators {', '.join(sorted(allowed))}")
    try:
        values = _values(attribute, field, condition)
    except ValueError as error:
        refuse(parameter, str(error))
    return Comparison(attribute, condition.operator, values)


def _values(attribute: Attribute, field: BaseField | None, condition: Condition) -> tuple[Any, ...]:
    """Raises ValueError."""
    if condition.operator is Operator.EXISTS:
        return (boolean_of(condition.values[0]),)
    return tuple(value_of(attribute, field, text) for text in condition.values)
