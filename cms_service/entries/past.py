"""What of an earlier version, or of an entry in the bin, somebody sees, and what of it they bring
back. Its type was another one then. Pure.

- A value of today's field, with or without locales as today, is read like today's. As the tenant
  may have had other locales, a component with some inside is for who reads all of the field.
- A value from before the field was localised, or no longer was, may be in any locale: it is for who
  reads all of the field.
- A value whose field is gone, or had another name, may be of any field: it is for who reads all of
  the type.
- What comes back is the whole of what was stored, but what one does not see of today's fields. Who
  does not see all the rest brings nothing back.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from cms_service.auth.actor import Actor
from cms_service.auth.permissions import Permission, Resource
from cms_service.content_types.fields import SlugField
from cms_service.content_types.schemas import ContentType, FieldSince
from cms_service.core.errors import Forbidden
from cms_service.entries.places import (
    Place,
    Shape,
    fields_of,
    reads_whole_field,
    reads_whole_type,
)
from cms_service.entries.visibility import reads_slug


@dataclass(frozen=True)
class Past:
    """What the actor sees of the entry `resource` as it was saved at `saved_at`."""

    actor: Actor
    content_type: ContentType
    resource: Resource
    saved_at: datetime

    def shown(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        return fields_of(
            {place: value for place, value in self._shape.places(fields) if self._reads(place)}
        )

    def brought_back(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """What a restore is to write; what is not in it stays as it is. Raises Forbidden."""
        for place in self._hidden(fields):
            if not self._is_todays(place[0]) or self._reads_today(place):
                raise self._hides("version")
        return self.shown(fields)

    def check_undelete(self, fields: Mapping[str, Any]) -> None:
        """Here what one does not see of today's fields comes back as well. Raises Forbidden."""
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
        return (place for place, _ in self._shape.places(fields) if not self._reads(place))

    def _hides(self, what: str) -> Forbidden:
        return Forbidden(
            f"{self.actor.subject.name} may not see all that this {what} holds: who may has to"
            " restore it."
        )

    def _reads(self, place: Place) -> bool:
        name = place[0]
        if not self._has_its_name(name):
            return self._reads_whole_type
        if not self._is_todays(name) or name in self._shape.mixed:
            own = bool(self.resource.own)
            return reads_whole_field(self.actor, self.content_type.name, name, own=own)
        return self._reads_today(place)

    def _reads_today(self, place: Place) -> bool:
        return self._shape.may(self.actor, Permission.READ_ENTRIES, self.resource, place)

    def _is_todays(self, name: str) -> bool:
        return self._has_its_name(name) and self._since(name).locales <= self.saved_at

    def _has_its_name(self, name: str) -> bool:
        return name in self._names and self._since(name).name <= self.saved_at

    def _since(self, name: str) -> FieldSince:
        unknown = self.content_type.updated_at
        known = self.content_type.fields_since.get(name)
        return known or FieldSince(name=unknown, locales=unknown)

    @cached_property
    def _shape(self) -> Shape:
        return Shape.of(self.content_type)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.content_type.fields)

    @cached_property
    def _reads_whole_type(self) -> bool:
        return reads_whole_type(self.actor, self.content_type.name, own=bool(self.resource.own))
