"""What of an earlier version, or of an entry in the bin, somebody sees, and what of a version they
bring back. Its type was another one then: a field that has one value today, or is gone, may have
had one for each locale. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import SlugField
from cms_service.content_types.fields.walk import localised_paths
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Forbidden
from cms_service.entries.places import Shape, reads_whole_type
from cms_service.entries.visibility import fields_shown, reads_slug
from cms_service.locales.schemas import LOCALE_PATTERN

_LOCALE = re.compile(LOCALE_PATTERN)


def past_fields_shown(
    actor: Actor, content_type: ContentType, resource: Resource, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What is read today, without the locales that the actor may not read."""
    localised = {path[0] for path in localised_paths(content_type.fields) if len(path) == 1}
    readable = fields_shown(actor, content_type, resource, fields)
    for name in readable.keys() - localised:
        place = replace(resource, field=name)
        value = _in_locales(actor, place, readable[name])
        if value == {} != readable[name]:
            del readable[name]
        else:
            readable[name] = value
    return readable


def brought_back(
    actor: Actor, content_type: ContentType, resource: Resource, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """What a restore is to write: all that was stored but what the actor may not read of today's
    fields, which stays as it is. Raises Forbidden where the actor does not see all the rest.
    """
    shape = Shape.of(content_type)
    names = {field.name for field in content_type.fields}
    readable = past_fields_shown(actor, content_type, resource, fields)
    seen = dict(shape.places(readable))
    for place, value in shape.places(fields):
        stays = place[0] in names and not shape.may(actor, Permission.READ_ENTRIES, resource, place)
        if not stays and seen.get(place) != value:
            raise Forbidden(
                f"{actor.subject.name} may not see all that this version holds: who may has to"
                " restore it."
            )
    return readable


def reads_past_slug(actor: Actor, content_type: ContentType, resource: Resource) -> bool:
    """Of a type that has no slug any more nobody knows what its field was called: only who may read
    all of the type sees it.
    """
    if any(isinstance(field, SlugField) for field in content_type.fields):
        return reads_slug(actor, content_type, resource)
    return reads_whole_type(actor, content_type.name, own=bool(resource.own))


def _in_locales(actor: Actor, place: Resource, value: Any) -> Any:
    """An object is taken for the values of locales where its names look like their codes: the
    tenant may have had others than today.
    """
    if isinstance(value, list):
        return [_in_locales(actor, place, item) for item in value]
    if not isinstance(value, dict):
        return value
    by_locale = all(_LOCALE.fullmatch(name) for name in value)
    return {
        name: _in_locales(actor, place, inner)
        for name, inner in value.items()
        if not by_locale or actor.may(Permission.READ_ENTRIES, replace(place, locale=name))
    }
