"""What of an earlier version, or of an entry in the bin, somebody sees, and what of a version they
bring back. Pure.

Its type was another one then. A value that was saved under a name before today's field had it is
another field's, and may be a denied one's: only who reads all of the type sees it. Another field is
read as it is today; if it has one value today, it may have had one for each locale.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import SlugField
from cms_service.content_types.schemas import ContentType
from cms_service.core.errors import Forbidden
from cms_service.entries.places import Place, Shape, fields_of, reads_whole_type
from cms_service.entries.visibility import reads_slug
from cms_service.locales.schemas import LOCALE_PATTERN

_LOCALE = re.compile(LOCALE_PATTERN)


@dataclass(frozen=True)
class Past:
    """Of the entry `resource` as it was saved at `saved_at`, for the actor."""

    actor: Actor
    content_type: ContentType
    resource: Resource
    saved_at: datetime

    def shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        readable = fields_of(
            {place: value for place, value in self._shape.places(fields) if self._reads(place)}
        )
        for name in readable.keys() - self._shape.localised:
            place = replace(self.resource, field=name)
            value = _in_locales(self.actor, place, readable[name])
            if value == {} != readable[name]:
                del readable[name]
            else:
                readable[name] = value
        return readable

    def brought_back(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What a restore is to write: all that was stored but what the actor may not read of
        today's fields, which stays as it is. Raises Forbidden where the actor does not see all the
        rest.
        """
        for place in self._hidden(fields):
            if not self._is_todays(place[0]) or self._reads_today(place):
                raise self._hides("version")
        return self.shown(fields)

    def check_undelete(self, fields: Mapping[str, Any]) -> None:
        """What one does not see comes back with its field, and with no other that has its name by
        now. Raises Forbidden.
        """
        if any(not self._is_todays(name) for name, _ in self._hidden(fields)):
            raise self._hides("entry")

    def reads_slug(self) -> bool:
        if any(
            isinstance(field, SlugField) and self._is_todays(field.name)
            for field in self.content_type.fields
        ):
            return reads_slug(self.actor, self.content_type, self.resource)
        return self._reads_whole_type

    def _hidden(self, fields: Mapping[str, Any]) -> Iterator[Place]:
        seen = dict(self._shape.places(self.shown(fields)))
        return (place for place, value in self._shape.places(fields) if seen.get(place) != value)

    def _hides(self, what: str) -> Forbidden:
        return Forbidden(
            f"{self.actor.subject.name} may not see all that this {what} holds: who may has to"
            " restore it."
        )

    def _reads(self, place: Place) -> bool:
        return self._reads_today(place) if self._is_todays(place[0]) else self._reads_whole_type

    def _reads_today(self, place: Place) -> bool:
        return self._shape.may(self.actor, Permission.READ_ENTRIES, self.resource, place)

    def _is_todays(self, name: str) -> bool:
        since = self.content_type.fields_since.get(name, self.content_type.updated_at)
        return name in self._names and self.saved_at >= since

    @cached_property
    def _shape(self) -> Shape:
        return Shape.of(self.content_type)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.content_type.fields)

    @cached_property
    def _reads_whole_type(self) -> bool:
        return reads_whole_type(self.actor, self.content_type.name, own=bool(self.resource.own))


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
