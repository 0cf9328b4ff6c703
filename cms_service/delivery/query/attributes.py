"""What entries can be sorted and filtered by, and by which operators. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from cms_service.content_types.fields import BaseField
from cms_service.delivery.query.grammar import Operator


class ValueKind(StrEnum):
    """How values are compared. Several kinds of fields may share one."""

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
    ValueKind.ID: _EQUALITY,
    ValueKind.TEXT: _EQUALITY | _EXISTENCE,
    ValueKind.NUMBER: _EQUALITY | _ORDER | _EXISTENCE,
    ValueKind.BOOLEAN: _EQUALITY | _EXISTENCE,
    ValueKind.DATE: _EQUALITY | _ORDER | _EXISTENCE,
    ValueKind.MOMENT: _EQUALITY | _ORDER | _EXISTENCE,
    ValueKind.LINK: _EQUALITY | _EXISTENCE,
    ValueKind.LINKS: frozenset({Operator.HAS, Operator.HAS_ANY}) | _EXISTENCE,
    ValueKind.OPAQUE: _EXISTENCE,
}
SORTABLE = frozenset(
    {
        ValueKind.ID,
        ValueKind.TEXT,
        ValueKind.NUMBER,
        ValueKind.BOOLEAN,
        ValueKind.DATE,
        ValueKind.MOMENT,
    }
)
# Those that are not opaque and not localised have terms in the index of values, for which
# cms.is_filtered (migration 27) names them once more.
_KINDS = {
    "text": ValueKind.TEXT,
    "slug": ValueKind.TEXT,
    "enumeration": ValueKind.TEXT,
    "email": ValueKind.TEXT,
    "url": ValueKind.TEXT,
    "number": ValueKind.NUMBER,
    "boolean": ValueKind.BOOLEAN,
    "date": ValueKind.DATE,
    "datetime": ValueKind.MOMENT,
    "reference": ValueKind.LINK,
    "references": ValueKind.LINKS,
    "json": ValueKind.OPAQUE,
    "richtext": ValueKind.OPAQUE,
    "component": ValueKind.OPAQUE,
    "components": ValueKind.OPAQUE,
}
COLUMN_KINDS = {
    Column.ID: ValueKind.ID,
    Column.SLUG: ValueKind.TEXT,
    Column.PUBLISHED_AT: ValueKind.MOMENT,
}


@dataclass(frozen=True)
class Attribute:
    """`chain`: the locales in which a localised field's value is looked for."""

    kind: ValueKind
    column: Column | None = None
    field: str = ""
    chain: tuple[str, ...] = ()


def kind_of(field: BaseField) -> ValueKind:
    return _KINDS[field.kind]


def operators_of(attribute: Attribute) -> frozenset[Operator]:
    allowed = OPERATORS[attribute.kind]
    return allowed - _EXISTENCE if attribute.column is Column.PUBLISHED_AT else allowed
