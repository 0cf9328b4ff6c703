"""What entries can be sorted and filtered by, and by which operators. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from cms_service.content_types.fields import BaseField
from cms_service.delivery.query.grammar import Operator


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
# Those that are not opaque and not localised have terms in the index of values, for which
# cms.is_filtered (migration 27) names them once more.
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
    "json": Kind.OPAQUE,
    "richtext": Kind.OPAQUE,
    "component": Kind.OPAQUE,
    "components": Kind.OPAQUE,
}
COLUMN_KINDS = {Column.ID: Kind.ID, Column.SLUG: Kind.TEXT, Column.PUBLISHED_AT: Kind.MOMENT}


@dataclass(frozen=True)
class Attribute:
    """`chain`: the locales in which a localised field's value is looked for."""

    kind: Kind
    column: Column | None = None
    field: str = ""
    chain: tuple[str, ...] = ()


def kind_of(field: BaseField) -> Kind:
    return _KINDS[field.kind]


def operators_of(attribute: Attribute) -> frozenset[Operator]:
    allowed = OPERATORS[attribute.kind]
    return allowed - _EXISTENCE if attribute.column is Column.PUBLISHED_AT else allowed
