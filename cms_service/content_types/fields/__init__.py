"""The kinds of fields, what each may be told, and what each accepts as a value. Pure."""

from cms_service.content_types.fields.acceptance import (
    accept_all,
    slug_of,
    type_schema,
    with_defaults,
)
from cms_service.content_types.fields.base import BaseField, Completeness, Context, Shape
from cms_service.content_types.fields.kinds import AnyField, Fields
from cms_service.content_types.fields.slug import SlugField

__all__ = [
    "AnyField",
    "BaseField",
    "Completeness",
    "Context",
    "Fields",
    "Shape",
    "SlugField",
    "accept_all",
    "slug_of",
    "type_schema",
    "with_defaults",
]
