"""The SQL of an attribute's value: as the row has it, and so that it can be compared. Pure."""

from cms_service.delivery.query.attributes import Attribute, Column, ValueKind
from cms_service.delivery.query.cursors import SORTED_CHARACTERS
from cms_service.delivery.sql.parameters import Parameters

_COLUMNS = {
    Column.ID: "p.entry_id",
    Column.SLUG: "p.slug",
    Column.PUBLISHED_AT: "p.published_at",
    Column.RANK: "i.rank",
}
CASTS = {
    ValueKind.ID: "uuid",
    ValueKind.TEXT: 'text COLLATE "C"',
    ValueKind.NUMBER: "numeric",
    ValueKind.BOOLEAN: "boolean",
    ValueKind.DATE: 'text COLLATE "C"',
    ValueKind.MOMENT: "timestamptz",
}


def stored(attribute: Attribute, parameters: Parameters) -> str:
    """The value as it is in the row."""
    if attribute.column is not None:
        return _COLUMNS[attribute.column]
    value = f"(p.fields->({parameters.add(attribute.field, 'text')}))"
    if not attribute.chain:
        return value
    found = (f"{value}->({parameters.add(locale, 'text')})" for locale in attribute.chain)
    return f"coalesce({', '.join(found)})"


def comparable(attribute: Attribute, parameters: Parameters) -> str:
    value = stored(attribute, parameters)
    if attribute.column is not None:
        return f'{value} COLLATE "C"' if attribute.kind is ValueKind.TEXT else value
    text = f"({value} #>> '{{}}')"
    if attribute.kind is ValueKind.TEXT:
        text = f"left({text}, {SORTED_CHARACTERS})"
    return f"({text})::{CASTS[attribute.kind]}"
