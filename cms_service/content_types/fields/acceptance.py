"""The values of a whole entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from cms_service.content_types.fields import patterns
from cms_service.content_types.fields.base import (
    BaseField,
    Context,
    JsonSchema,
    Shape,
    accept_members,
    members_schema,
)
from cms_service.content_types.fields.kinds import MAX_ITEMS, ComponentField, ComponentsField
from cms_service.content_types.fields.slug import SlugField
from cms_service.core.errors import FieldError, Invalid

_MAX_ERRORS = 50
# As much as a request may send.
_MOST_BYTES_OF_DEFAULTS = 1024 * 1024


def accept_all(
    fields: Sequence[BaseField], values: Mapping[str, Any], context: Context
) -> tuple[dict[str, Any], tuple[FieldError, ...]]:
    """The values as they are stored, and what is wrong with them. A null counts as absent."""
    with patterns.at_most(patterns.STEPS_OF_AN_ENTRY):
        accepted, errors = accept_members(fields, values, context)
    placed = [FieldError(f"/fields{error.pointer}", error.detail) for error in errors]
    return accepted, tuple(sorted(placed, key=lambda error: error.pointer)[:_MAX_ERRORS])


def with_defaults(
    fields: Sequence[BaseField], values: Mapping[str, Any], context: Context
) -> dict[str, Any]:
    """What a new entry begins with, and each component in it. A null that is given stays: it says
    that nothing is wanted. Raises Invalid where its many components would make too much of them.
    """
    return _Beginning(context).members(fields, values)


@dataclass
class _Beginning:
    context: Context
    _left: int = _MOST_BYTES_OF_DEFAULTS
    _known: dict[int, tuple[Any, int]] = field(default_factory=dict)
    """By the field's identity: its default, and how many bytes it takes in an entry."""

    def members(self, fields: Sequence[BaseField], values: Mapping[str, Any]) -> dict[str, Any]:
        begun = dict(values)
        for one in fields:
            if one.name not in values:
                self._add(one, begun)
            elif isinstance(one, ComponentField | ComponentsField):
                begun[one.name] = self._inside(one, values[one.name])
        return begun

    def _inside(self, group: ComponentField | ComponentsField, value: Any) -> Any:
        if isinstance(group, ComponentField):
            return self._one(group, value)
        if not isinstance(value, list) or len(value) > MAX_ITEMS:
            return value  # which is refused
        return [self._one(group, item) for item in value]

    def _one(self, group: ComponentField | ComponentsField, value: Any) -> Any:
        return self.members(group.fields, value) if isinstance(value, dict) else value

    def _add(self, one: BaseField, begun: dict[str, Any]) -> None:
        if (known := self._known.get(id(one))) is None:
            default = one.default_value(self.context)
            size = 0 if default is None else len(orjson.dumps({one.name: default}))
            known = self._known[id(one)] = default, size
        default, size = known
        if default is None:
            return
        self._left -= size
        if self._left < 0:
            raise Invalid("The defaults of so many components are too large together.")
        begun[one.name] = default


def type_schema(fields: Sequence[BaseField], shape: Shape) -> JsonSchema:
    """The JSON Schema (2020-12) of the fields of an entry."""
    return members_schema(fields, shape)


def slug_of(fields: Sequence[BaseField], values: Mapping[str, Any]) -> str | None:
    for one in fields:
        if isinstance(one, SlugField):
            slug: str | None = values.get(one.name)
            return slug
    return None
