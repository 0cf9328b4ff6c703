"""What of an entry somebody may read and write: whole fields, or some locales of a field. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import NO_LOCALE, Permission, Resource, Rule
from cms_service.content_types.fields import SlugField
from cms_service.content_types.fields.walk import localised_paths
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import FieldError, Forbidden
from cms_service.entries.schemas import Entry, Referrer

_Place = tuple[str, str]  # a field and a locale of it
_NOTHING = object()


def about(actor: Actor, content_type: str, entry: Entry) -> Resource:
    return Resource(content_type, own=actor.owns(entry.created_by))


def shown(actor: Actor, content_type: ContentType, entry: Entry) -> Entry:
    """Without what the actor may not read."""
    resource = about(actor, content_type.name, entry)
    shape = _Shape.of(content_type)
    readable = {
        place: value
        for place, value in _places(entry.fields, shape.localised)
        if shape.may(actor, Permission.READ_ENTRIES, resource, place)
    }
    changes: dict[str, Any] = {"fields": _fields(readable, shape.localised)}
    if not _reads_slug(actor, content_type, resource):
        changes["slug"] = None
        if entry.published is not None:
            changes["published"] = entry.published.model_copy(update={"slug": None})
    return entry.model_copy(update=changes)


def written(
    actor: Actor,
    permission: Permission,
    content_type: ContentType,
    entry: Entry | None,
    wanted: Mapping[str, Any],
) -> dict[str, Any]:
    """The fields to store. What is left out goes, but for what the actor may not write, or does not
    even see: that stays. Raises Forbidden, naming what may not be written.
    """
    resource = (
        Resource(content_type.name, own=True)
        if entry is None
        else about(actor, content_type.name, entry)
    )
    shape = _Shape.of(content_type)
    new = dict(_places(wanted, shape.localised))
    old = dict(_places(entry.fields if entry else {}, shape.localised))
    result, errors = dict(new), []
    for place in {**old, **new}:
        sees = shape.may(actor, Permission.READ_ENTRIES, resource, place)
        may_write = shape.may(actor, permission, resource, place)
        if place not in new:
            if not (sees and may_write):
                result[place] = old[place]
        elif not may_write and not (sees and old.get(place, _NOTHING) == new[place]):
            errors.append(FieldError(_pointer(place), f"{actor.subject.name} may not write it"))
    if errors:
        raise Forbidden(
            f"{actor.subject.name} may not write all of these fields.",
            tuple(sorted(errors, key=lambda error: error.pointer)),
        )
    return _fields(result, shape.localised)


def referrer_shown(actor: Actor, referrer: Referrer) -> Referrer:
    """That it is there is told to whoever may read what it refers to; what it is, only to those who
    may read all of its type.
    """
    all_of_it = Rule(frozenset({Permission.READ_ENTRIES}), content_types=frozenset({referrer.type}))
    if actor.has((all_of_it,)):
        return referrer
    return referrer.model_copy(update={"slug": None, "fields": [], "published_fields": []})


@dataclass(frozen=True)
class _Shape:
    """`localised`: fields whose value is an object of locales. `mixed`: components with such fields
    inside, for which one needs what one needs for each locale.
    """

    localised: frozenset[str]
    mixed: frozenset[str]
    locales: frozenset[str]

    @classmethod
    def of(cls, content_type: ContentType) -> "_Shape":
        paths = localised_paths(content_type.fields)
        return cls(
            frozenset(path[0] for path in paths if len(path) == 1),
            frozenset(path[0] for path in paths if len(path) > 1),
            content_type.locales.codes,
        )

    def may(self, actor: Actor, permission: Permission, resource: Resource, place: _Place) -> bool:
        field, locale = place
        locales = {locale, *self.locales} if field in self.mixed else {locale}
        return all(
            actor.may(permission, Resource(resource.content_type, resource.own, field, each))
            for each in locales
        )


def _places(values: Mapping[str, Any], localised: frozenset[str]) -> Iterator[tuple[_Place, Any]]:
    for name, value in values.items():
        if name in localised and isinstance(value, dict):
            yield from (
                ((name, locale), text) for locale, text in value.items() if text is not None
            )
        elif value is not None:
            yield (name, NO_LOCALE), value


def _fields(places: Mapping[_Place, Any], localised: frozenset[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for (name, locale), value in places.items():
        if name in localised and locale != NO_LOCALE:
            fields.setdefault(name, {})[locale] = value
        else:
            fields[name] = value
    return fields


def _reads_slug(actor: Actor, content_type: ContentType, resource: Resource) -> bool:
    shape = _Shape.of(content_type)
    return all(
        shape.may(actor, Permission.READ_ENTRIES, resource, (field.name, NO_LOCALE))
        for field in content_type.fields
        if isinstance(field, SlugField)
    )


def _pointer(place: _Place) -> str:
    name, locale = place
    parts = ("fields", name, locale) if locale else ("fields", name)
    return "".join(f"/{part[:100].replace('~', '~0').replace('/', '~1')}" for part in parts)
