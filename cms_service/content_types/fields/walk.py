"""Where in a type fields of some sort are, components included."""

from collections.abc import Iterator, Sequence

from cms_service.content_types.fields.base import BaseField
from cms_service.content_types.fields.kinds import ComponentField, ComponentsField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.fields.scalar import LocalisableField

Path = tuple[str, ...]


def walk(fields: Sequence[BaseField], above: Path = ()) -> Iterator[tuple[Path, BaseField]]:
    """Every field with its path of names."""
    for field in fields:
        path = (*above, field.name)
        yield path, field
        if isinstance(field, ComponentField | ComponentsField):
            yield from walk(field.fields, path)


def localised_paths(fields: Sequence[BaseField]) -> list[Path]:
    return [
        path
        for path, field in walk(fields)
        if isinstance(field, LocalisableField) and field.localised
    ]


def types_referred_to(fields: Sequence[BaseField]) -> set[str]:
    return {
        name
        for _, field in walk(fields)
        if isinstance(field, ReferenceField | ReferencesField)
        for name in field.types
    }
