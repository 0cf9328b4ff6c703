"""Where in an entry rules hold: whole fields, or some locales of a field. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import NO_LOCALE, Permission, Resource, Rule
from cms_service.content_types.fields.walk import localised_paths
from cms_service.content_types.schemas import ContentType

# A field and a locale of it; without a locale the whole value. As a key "" is a locale as well.
Place = tuple[str, str | None]


@dataclass(frozen=True)
class Shape:
    """`localised`: fields whose value is an object of locales. `mixed`: components with such fields
    inside, for which one needs what one needs for each locale.
    """

    localised: frozenset[str]
    mixed: frozenset[str]
    locales: frozenset[str]

    @classmethod
    def of(cls, content_type: ContentType) -> "Shape":
        paths = localised_paths(content_type.fields)
        return cls(
            frozenset(path[0] for path in paths if len(path) == 1),
            frozenset(path[0] for path in paths if len(path) > 1),
            content_type.locales.codes,
        )

    def may(self, actor: Actor, permission: Permission, resource: Resource, place: Place) -> bool:
        field, locale = place[0], place[1] or NO_LOCALE
        locales = self._everywhere if field in self.mixed else (locale,)
        at = Resource(resource.content_type, resource.own, field)
        return actor.may_in(permission, at, locales)

    @cached_property
    def _everywhere(self) -> tuple[str, ...]:
        return (NO_LOCALE, *sorted(self.locales))

    def places(self, values: Mapping[str, Any]) -> Iterator[tuple[Place, Any]]:
        for name, value in values.items():
            if name in self.localised and isinstance(value, dict):
                yield from (
                    ((name, locale), text) for locale, text in value.items() if text is not None
                )
            elif value is not None:
                yield (name, None), value


def fields_of(places: Mapping[Place, Any]) -> dict[str, Any]:
    """A whole value in place of one for each locale stays, to be refused."""
    fields: dict[str, Any] = {}
    for (name, locale), value in places.items():
        if locale is None:
            fields[name] = value
        elif (name, None) not in places:
            fields.setdefault(name, {})[locale] = value
    return fields


def reads_whole_type(actor: Actor, type_name: str, *, own: bool) -> bool:
    """Whatever its fields and locales are called, or were."""
    return actor.has((_reading(type_name, None, own=own),))


def reads_whole_field(actor: Actor, type_name: str, field: str, *, own: bool) -> bool:
    """Whatever its locales are called, or were."""
    return actor.has((_reading(type_name, frozenset({field}), own=own),))


def _reading(type_name: str, fields: frozenset[str] | None, *, own: bool) -> Rule:
    read = frozenset({Permission.READ_ENTRIES})
    return Rule(read, content_types=frozenset({type_name}), fields=fields, own=own)
