"""All kinds of fields."""

from typing import Annotated

from pydantic import Field

from cms_service.content_types.fields import component
from cms_service.content_types.fields.addresses import EmailField, UrlField
from cms_service.content_types.fields.boolean import BooleanField
from cms_service.content_types.fields.component import ComponentField, ComponentsField
from cms_service.content_types.fields.enumeration import EnumerationField
from cms_service.content_types.fields.json_value import JsonField
from cms_service.content_types.fields.moments import DateField, DatetimeField
from cms_service.content_types.fields.number import NumberField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.fields.rich_text import RichTextField
from cms_service.content_types.fields.slug import SlugField
from cms_service.content_types.fields.text import TextField

AnyField = Annotated[
    TextField
    | RichTextField
    | NumberField
    | BooleanField
    | DateField
    | DatetimeField
    | EnumerationField
    | JsonField
    | SlugField
    | EmailField
    | UrlField
    | ReferenceField
    | ReferencesField
    | ComponentField
    | ComponentsField,
    Field(discriminator="kind"),
]
Fields = tuple[AnyField, ...]

# Components hold fields of all kinds, themselves among them.
for _group in (component.ComponentField, component.ComponentsField):
    _group.model_rebuild(_types_namespace={"AnyField": AnyField})
