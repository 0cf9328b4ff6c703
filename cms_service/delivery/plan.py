"""A query checked against the definition of its type: what is unknown or does not fit is refused
here, so that nothing of a client's but values goes further. Pure.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from cms_service.content_types.fields import BaseField, Completeness, Context
from cms_service.content_types.fields.component import ComponentField, ComponentsField
from cms_service.content_types.fields.moments import DatetimeField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.fields.scalar import LocalisableField
from cms_service.content_types.schemas import ContentType
from cms_service.core.exact import ID_PATTERN
from cms_service.core.strict_json import MAX_NUMBER
from cms_service.delivery.query import Condition, Operator, Order, Query, refuse
from cms_service.locales.schemas import ENGLISH

MAX_EXPANDED_ENTRIES = 20_000
_FIELDS = "fields"
_PREFIX = "fields."
NUMBER_PATTERN = r"^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,15})?$"
_ANY_MOMENT = DatetimeField(name="any", kind="datetime")

Path = tuple[str, ...]
# What of an entry's localised fields is where: True for one, a tree for a component.
Tree = dict[str, Any]


class Kind(StrEnum):
    """How values are compared."""

    ID = "id"
    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    MOMENT = "moment"
    LINK = "link"
    LINKS = "links"
    OPAQUE = "opaque"


class Column(StrEnum):
    """What entries have besides their fields; the values are the API's names. The rank is that of
    a search, by which its results are sorted where nothing else is said.
    """

    ID = "id"
    SLUG = "slug"
    PUBLISHED_AT = "publishedAt"
    RANK = "rank"


_EXISTENCE = frozenset({Operator.EXISTS})
_EQUALITY = frozenset({Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN})
_ORDER = frozenset({Operator.LT, Operator.LTE, Operator.GT, Operator.GTE})
OPERATORS = {
    Kind.ID: _EQUALITY,
    Kind.TEXT: _EQUALITY | _EXISTENCE,
    Kind.NUMBER: _EQUALITY | _ORDER | _EXISTENCE,
    Kind.BOOLEAN: _EQUALITY | _EXISTENCE,
    Kind.DATE: _EQUALITY | _ORDER | _EXISTENCE,
    Kind.MOMENT: _EQUALITY | _ORDER | _EXISTENCE,
    Kind.LINK: _EQUALITY | _EXISTENCE,
    Kind.LINKS: frozenset({Operator.HAS, Operator.HAS_ANY}) | _EXISTENCE,
    Kind.OPAQUE: _EXISTENCE,
}
SORTABLE = frozenset({Kind.ID, Kind.TEXT, Kind.NUMBER, Kind.BOOLEAN, Kind.DATE, Kind.MOMENT})
_KINDS = {
    "text": Kind.TEXT,
    "slug": Kind.TEXT,
    "enumeration": Kind.TEXT,
    "email": Kind.TEXT,
    "url": Kind.TEXT,
    "number": Kind.NUMBER,
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "datetime": Kind.MOMENT,
    "reference": Kind.LINK,
    "references": Kind.LINKS,
}
COLUMN_KINDS = {Column.ID: Kind.ID, Column.SLUG: Kind.TEXT, Column.PUBLISHED_AT: Kind.MOMENT}
# Always there, so that an answer can be told apart from another.
ALWAYS = ("id", "type")
METADATA = ("slug", "version", "publishedAt")


@dataclass(frozen=True)
class Attribute:
    """`chain`: the locales in which a localised field's value is looked for."""

    kind: Kind
    column: Column | None = None
    field: str = ""
    chain: tuple[str, ...] = ()


_RANK = Attribute(Kind.NUMBER, Column.RANK)


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
class Expansion:
    """Replaces the references in a field of the types `sources` by their entries."""

    field: str
    many: bool
    sources: tuple[UUID, ...]
    guarded: bool
    most: int
    inner: tuple["Expansion", ...] = ()

    @property
    def entries(self) -> int:
        return self.most * (1 + sum(one.entries for one in self.inner))


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
    """Raises BadRequest."""
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
    """Of so many entries at most. `types` holds the types that expanded references may lead to.
    Raises BadRequest.
    """
    metadata, fields = _selected(query.select, content_type)
    for path in query.expand:
        if fields is not None and path[0] not in fields:
            refuse("expand", f"{path[0]} is not selected")
    every = {content_type.id: content_type} | {one.id: one for one in types.values()}
    chain = _chain(query.locale, content_type)
    expansions = _expansions(query.expand, [content_type], types)
    _check_entries(entries * sum(one.entries for one in expansions))
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


def _check_entries(expanded: int) -> None:
    if expanded > MAX_EXPANDED_ENTRIES:
        refuse(
            "expand",
            f"could lead to {expanded} entries, and {MAX_EXPANDED_ENTRIES} is the most: ask for a"
            " lower limit, or give the fields a lower maxItems",
        )


def kind_of(field: BaseField) -> Kind:
    return _KINDS.get(field.kind, Kind.OPAQUE)


def operators_of(attribute: Attribute) -> frozenset[Operator]:
    allowed = OPERATORS[attribute.kind]
    return allowed - _EXISTENCE if attribute.column is Column.PUBLISHED_AT else allowed


def types_to_expand(heads: Iterable[str], sources: Iterable[ContentType]) -> set[str]:
    """The names of the types that references in these fields lead to."""
    wanted = set(heads)
    return {
        name
        for source in sources
        for field in source.fields
        if field.name in wanted and isinstance(field, ReferenceField | ReferencesField)
        for name in field.types
    }


def _expansions(
    paths: Sequence[Path], sources: Sequence[ContentType], types: Mapping[str, ContentType]
) -> tuple[Expansion, ...]:
    return tuple(
        expansion
        for head in sorted({path[0] for path in paths})
        for expansion in _of_field(
            head, [path[1:] for path in paths if path[0] == head and path[1:]], sources, types
        )
    )


def _of_field(
    name: str,
    inner: Sequence[Path],
    sources: Sequence[ContentType],
    types: Mapping[str, ContentType],
) -> list[Expansion]:
    """One for each cardinality: types that are referred to may disagree about it."""
    holders = [
        (source, field)
        for source in sources
        for field in source.fields
        if field.name == name and isinstance(field, ReferenceField | ReferencesField)
    ]
    if not holders:
        places = " or ".join(source.name for source in sources)
        refuse("expand", f"{name} is no reference of {places or 'what it leads to'}")
    targets = [types[target] for target in sorted(types_to_expand([name], sources) & types.keys())]
    below = _expansions(inner, targets, types) if inner else ()
    found = []
    for many in (False, True):
        alike = [
            (source, field)
            for source, field in holders
            if isinstance(field, ReferencesField) == many
        ]
        if alike:
            most = max(
                field.max_items if isinstance(field, ReferencesField) else 1 for _, field in alike
            )
            ids = tuple(source.id for source, _ in alike)
            guarded = len(ids) < len(sources)
            found.append(Expansion(name, many, ids, guarded, most, below))
    return found


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
    return SortKey(attribute, order.descending)


def _comparison(
    condition: Condition, content_type: ContentType, chain: tuple[str, ...]
) -> Comparison:
    parameter = condition.parameter
    attribute, field = _attribute(parameter, condition.attribute, content_type, chain)
    allowed = operators_of(attribute)
    if condition.operator not in allowed:
        refuse(parameter, f"takes the operators {', '.join(sorted(allowed))}")
    if condition.operator is Operator.EXISTS:
        return Comparison(
            attribute, condition.operator, (_boolean(parameter, condition.values[0]),)
        )
    try:
        values = tuple(_value(attribute, field, text) for text in condition.values)
    except ValueError as error:
        refuse(parameter, str(error))
    return Comparison(attribute, condition.operator, values)


def _value(attribute: Attribute, field: BaseField | None, text: str) -> Any:
    """Raises ValueError."""
    return _PARSERS[attribute.kind](field, text)


def _text_value(field: BaseField | None, text: str) -> str:
    """Of kinds that are not just any text, only what can be stored."""
    if field is None or field.kind == "text":
        return text
    stored: str = _accept(field, text)
    return stored


def _accept(field: BaseField, value: Any) -> Any:
    if isinstance(field, LocalisableField):
        return field.accept_value(value)
    return field.accept(value, Context(Completeness.DRAFT, ENGLISH))


def _number_value(_field: BaseField | None, text: str) -> int | float:
    if re.fullmatch(NUMBER_PATTERN[1:-1], text, re.ASCII) is None:
        raise ValueError("must be a number, like 10 or -2.5")
    number = float(text) if "." in text else int(text)
    if not -MAX_NUMBER <= number <= MAX_NUMBER:
        raise ValueError(f"must be within {MAX_NUMBER} of 0")
    return number


def _id_value(_field: BaseField | None, text: str) -> str:
    if re.fullmatch(ID_PATTERN[1:-1], text, re.ASCII) is None:
        raise ValueError("must be the identifier of an entry")
    return text.lower()


def _boolean_value(_field: BaseField | None, text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _date_value(field: BaseField | None, text: str) -> str:
    if field is None:
        raise AssertionError  # only fields are days
    return str(_unbounded(field).accept_value(text))


def _moment_value(field: BaseField | None, text: str) -> str:
    return str(_unbounded(field or _ANY_MOMENT).accept_value(text))


def _unbounded(field: BaseField) -> Any:
    """One may ask for what is before the first possible day."""
    return field.model_copy(update={"minimum": None, "maximum": None})


def _boolean(parameter: str, text: str) -> bool:
    try:
        return _boolean_value(None, text)
    except ValueError as error:
        refuse(parameter, str(error))


_PARSERS: Mapping[Kind, Callable[[BaseField | None, str], Any]] = {
    Kind.ID: _id_value,
    Kind.TEXT: _text_value,
    Kind.NUMBER: _number_value,
    Kind.BOOLEAN: _boolean_value,
    Kind.DATE: _date_value,
    Kind.MOMENT: _moment_value,
    Kind.LINK: _id_value,
    Kind.LINKS: _id_value,
}
