"""All kinds of fields. Components stand here too, groups of named fields inside an entry: they hold
fields of all kinds, themselves among them.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from cms_service.content_types.fields.addresses import EmailField, UrlField
from cms_service.content_types.fields.base import (
    BaseField,
    Context,
    JsonSchema,
    RefusedValue,
    Shape,
    accept_members,
    members_schema,
)
from cms_service.content_types.fields.boolean import BooleanField
from cms_service.content_types.fields.enumeration import EnumerationField
from cms_service.content_types.fields.json_value import JsonField
from cms_service.content_types.fields.listed import accept_items, check_items, least_items
from cms_service.content_types.fields.moments import DateField, DatetimeField
from cms_service.content_types.fields.number import NumberField
from cms_service.content_types.fields.reference import ReferenceField, ReferencesField
from cms_service.content_types.fields.rich_text import RichTextField
from cms_service.content_types.fields.scalar import UniqueField
from cms_service.content_types.fields.slug import SlugField
from cms_service.content_types.fields.text import TextField
from cms_service.core.validation.exact import WHOLE

MAX_INNER_FIELDS = 50
MAX_NESTING = 3
MAX_ITEMS = 200


class _GroupField(BaseField):
    fields: Annotated[tuple["AnyField", ...], Field(min_length=1, max_length=MAX_INNER_FIELDS)]

    @model_validator(mode="after")
    def _inner_fields_fit(self) -> Self:
        check_names(self.fields)
        if nesting(self.fields) >= MAX_NESTING:
            raise ValueError(f"components are nested at most {MAX_NESTING} levels")
        for field in self.fields:
            if isinstance(field, SlugField):
                raise ValueError("a slug is a field of the type itself")  # noqa: TRY004 - a wrong value
            if isinstance(field, UniqueField) and field.unique:
                raise ValueError("only a field of the type itself can be unique")
        return self

    def _accept_one(self, value: Any, context: Context) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError("must be an object")  # noqa: TRY004 - a wrong value, whatever its type
        accepted, errors = accept_members(self.fields, value, context)
        if errors:
            raise RefusedValue(errors)
        return accepted


class ComponentField(_GroupField):
    kind: Literal["component"]

    def accept(self, value: Any, context: Context) -> dict[str, Any]:
        return self._accept_one(value, context)

    def json_schema(self, shape: Shape) -> JsonSchema:
        return members_schema(self.fields, shape)


class ComponentsField(_GroupField):
    """`minItems` is asked for when an entry is published, as `required` is."""

    kind: Literal["components"]
    min_items: Annotated[int, Field(ge=0, le=MAX_ITEMS), WHOLE] = 0
    max_items: Annotated[int, Field(ge=1, le=MAX_ITEMS), WHOLE] = MAX_ITEMS

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_items > self.max_items:
            raise ValueError("minItems is above maxItems")
        return self

    def accept(self, value: Any, context: Context) -> list[dict[str, Any]]:
        check_items(value, max(self.min_items, self.required), self.max_items, context)
        return accept_items(value, lambda item: self._accept_one(item, context))

    def json_schema(self, shape: Shape) -> JsonSchema:
        return {
            "type": "array",
            "items": members_schema(self.fields, shape),
            "minItems": least_items(self.min_items, shape, required=self.required),
            "maxItems": self.max_items,
        }


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

for _group in (ComponentField, ComponentsField):
    _group.model_rebuild()


def check_names(fields: Sequence[BaseField]) -> None:
    """Raises ValueError."""
    if len({field.name for field in fields}) != len(fields):
        raise ValueError("a field's name is used twice")
    sources = [field.renamed_from for field in fields if field.renamed_from is not None]
    if len(set(sources)) != len(sources):
        raise ValueError("two fields are renamed from the same one")
    if stay := {field.name for field in fields}.intersection(sources):
        raise ValueError(f"a field is renamed from {min(stay)}, which stays")


def nesting(fields: Sequence[BaseField]) -> int:
    return max(
        (1 + nesting(field.fields) for field in fields if isinstance(field, _GroupField)), default=0
    )


def total(fields: Sequence[BaseField]) -> int:
    """How many fields there are, the inner ones included."""
    return sum(
        1 + (total(field.fields) if isinstance(field, _GroupField) else 0) for field in fields
    )
