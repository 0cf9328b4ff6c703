"""What of an entry somebody may read and write: whole fields, or some locales of a field. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import BaseField, SlugField
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import FieldError, Forbidden, Invalid
from cms_service.entries.places import Place, Shape, fields_of, reads_whole_type
from cms_service.entries.schemas import Entry, Referrer
from cms_service.locales.schemas import MAX_LOCALES

_NOTHING = object()


class Owned(Protocol):
    """An entry, or what is left of one."""

    @property
    def created_by(self) -> UUID | None: ...


def about(actor: Actor, content_type: str, entry: Owned) -> Resource:
    return Resource(content_type, own=actor.owns(entry.created_by))


def shown(actor: Actor, content_type: ContentType, entry: Entry) -> Entry:
    """The entry without what the actor may not read."""
    resource = about(actor, content_type.name, entry)
    changes: dict[str, Any] = {"fields": _fields_shown(actor, content_type, resource, entry.fields)}
    if not reads_slug(actor, content_type, resource):
        changes["slug"] = None
        if entry.published is not None:
            changes["published"] = entry.published.model_copy(update={"slug": None})
    return entry.model_copy(update=changes)


def _fields_shown(
    actor: Actor, content_type: ContentType, resource: Resource, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What the type has not, as it was read just before, only who reads all of it sees."""
    shape = Shape.of(content_type)
    names = {field.name for field in content_type.fields}
    own = bool(resource.own)
    return fields_of(
        {
            place: value
            for place, value in shape.places(fields)
            if (
                shape.may(actor, Permission.READ_ENTRIES, resource, place)
                if place[0] in names
                else reads_whole_type(actor, content_type.name, own=own)
            )
        }
    )


def reads_all(actor: Actor, content_type: ContentType, *, own: bool) -> bool:
    """Every field in every locale, of all entries or of the actor's own."""
    return reads(actor, content_type, content_type.fields, own=own)


def reads(
    actor: Actor, content_type: ContentType, fields: Iterable[BaseField], *, own: bool
) -> bool:
    """These fields of the type in every locale, of all entries or of the actor's own."""
    resource = Resource(content_type.name, own=own)
    shape = Shape.of(content_type)
    return actor.may(Permission.READ_ENTRIES, resource) and all(
        shape.may(actor, Permission.READ_ENTRIES, resource, (field.name, locale))
        for field in fields
        for locale in (shape.locales if field.name in shape.localised else (None,))
    )


def readers_own(actor: Actor, type_name: str) -> UUID | None:
    """Whose entries are the only ones that the actor may read; None: all. Raises Forbidden."""
    others = Resource(type_name, own=False)
    if actor.user_id is None:  # a key owns nothing
        actor.check(Permission.READ_ENTRIES, others)
    return None if actor.may(Permission.READ_ENTRIES, others) else actor.user_id


def written(  # noqa: PLR0913 - all that the decision depends on
    actor: Actor,
    permission: Permission,
    content_type: ContentType,
    entry: Entry | None,
    wanted: Mapping[str, Any],
    *,
    left_out_on_purpose: bool = False,
) -> dict[str, Any]:
    """The fields to store. What is left out goes, but for what the actor may not write, or does not
    even see: that stays, unless it was seen and left out on purpose, which is a write. Raises
    Forbidden, naming what may not be written, and Invalid for more locales than there can be.
    """
    resource = (
        Resource(content_type.name, own=True)
        if entry is None
        else about(actor, content_type.name, entry)
    )
    shape = Shape.of(content_type)
    _check_locales(wanted, shape.localised)
    new = dict(shape.places(wanted))
    old = dict(shape.places(entry.fields if entry else {}))
    result, errors = dict(new), []
    for place in {**old, **new}:
        sees = shape.may(actor, Permission.READ_ENTRIES, resource, place)
        may_write = shape.may(actor, permission, resource, place)
        if place not in new:
            if not (sees and may_write):
                result[place] = old[place]
            if left_out_on_purpose and sees and not may_write:
                errors.append(_not_writable(actor, place))
        elif not may_write and not (sees and old.get(place, _NOTHING) == new[place]):
            errors.append(_not_writable(actor, place))
    if errors:
        raise Forbidden(
            f"{actor.subject.name} may not write all of these fields.",
            tuple(sorted(errors, key=lambda error: error.pointer)),
        )
    return fields_of(result)


def declined(
    actor: Actor, content_type: ContentType, wanted: Mapping[str, Any], values: Mapping[str, Any]
) -> set[str]:
    """The fields that a new entry is to begin without, although they may have a default: those that
    are in `wanted` without a value. What the actor may not write has its default all the same.
    `values` is what `written` makes of `wanted`.
    """
    empty = wanted.keys() - values.keys()
    if not empty:
        return set()
    shape = Shape.of(content_type)
    resource = Resource(content_type.name, own=True)
    default = content_type.locales.default
    return {
        field.name
        for field in content_type.fields
        if field.name in empty
        and shape.may(
            actor,
            Permission.CREATE_ENTRIES,
            resource,
            (field.name, default if field.name in shape.localised else None),
        )
    }


def referrer_shown(actor: Actor, referrer: Referrer) -> Referrer:
    """That it is there is told to whoever may read what it refers to; what it is, only to those who
    may read all of its type.
    """
    if reads_whole_type(actor, referrer.type, own=False):
        return referrer
    return referrer.model_copy(update={"slug": None, "fields": [], "published_fields": []})


def _check_locales(values: Mapping[str, Any], localised: frozenset[str]) -> None:
    """Bounds the locales, before each of them is asked for."""
    errors = tuple(
        FieldError(_pointer((name, None)), f"has more than {MAX_LOCALES} locales")
        for name in sorted(localised & values.keys())
        if isinstance(values[name], dict) and len(values[name]) > MAX_LOCALES
    )
    if errors:
        raise Invalid("There are too many locales.", errors)


def reads_slug(actor: Actor, content_type: ContentType, resource: Resource) -> bool:
    shape = Shape.of(content_type)
    return all(
        shape.may(actor, Permission.READ_ENTRIES, resource, (field.name, None))
        for field in content_type.fields
        if isinstance(field, SlugField)
    )


def _not_writable(actor: Actor, place: Place) -> FieldError:
    return FieldError(_pointer(place), f"{actor.subject.name} may not write it")


def _pointer(place: Place) -> str:
    name, locale = place
    parts = ("fields", name) if locale is None else ("fields", name, locale)
    return "".join(f"/{part[:100].replace('~', '~0').replace('/', '~1')}" for part in parts)
