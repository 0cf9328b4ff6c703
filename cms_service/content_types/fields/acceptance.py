"""The values of a whole entry."""

from collections.abc import Mapping, Sequence
from typing import Any

from cms_service.content_types.fields import patterns
from cms_service.content_types.fields.base import (
    BaseField,
    Context,
    JsonSchema,
    Shape,
    accept_members,
    members_schema,
)
from cms_service.content_types.fields.slug import SlugField
from cms_service.core.errors import FieldError

_MAX_ERRORS = 50


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
    """What a new entry begins with. A null that is given stays: it says that nothing is wanted."""
    defaults = {field.name: field.default_value(context) for field in fields}
    return {name: value for name, value in defaults.items() if value is not None} | dict(values)


def type_schema(fields: Sequence[BaseField], shape: Shape) -> JsonSchema:
    """The JSON Schema (2020-12) of the fields of an entry."""
    return members_schema(fields, shape)


def slug_of(fields: Sequence[BaseField], values: Mapping[str, Any]) -> str | None:
    for field in fields:
        if isinstance(field, SlugField):
            slug: str | None = values.get(field.name)
            return slug
    return None
