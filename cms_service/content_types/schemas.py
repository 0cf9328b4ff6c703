from collections.abc import Mapping
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, ModelWrapValidatorHandler, model_validator

from cms_service.content_types.fields import Fields, SlugField, patterns
from cms_service.content_types.fields.kinds import check_names, total
from cms_service.content_types.names import TypeName
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.locales.schemas import Locales
from cms_service.tenants.schemas import DisplayName

MAX_FIELDS = 100
MAX_FIELDS_WITH_INNER = 300
# The random ones, as many as If-Match takes.
_DIGITS_OF_ID = 16


_EXAMPLE: dict[str, JsonValue] = {
    "name": "article",
    "displayName": "Article",
    "fields": [
        {"name": "title", "kind": "text", "required": True, "maxLength": 200},
        {"name": "slug", "kind": "slug", "required": True},
        {"name": "body", "kind": "richtext", "localised": True},
        {"name": "related", "kind": "references", "types": ["article"], "maxItems": 5},
    ],
}


class Definition(RequestBody):
    display_name: DisplayName
    fields: Annotated[Fields, Field(min_length=1, max_length=MAX_FIELDS)]

    @model_validator(mode="wrap")
    @classmethod
    def _bounded(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        with patterns.at_most(patterns.STEPS_OF_A_DEFINITION):
            return read(value)

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        check_names(self.fields)
        if sum(isinstance(field, SlugField) for field in self.fields) > 1:
            raise ValueError("a type has at most one slug field")
        if total(self.fields) > MAX_FIELDS_WITH_INNER:
            raise ValueError(
                f"a type has at most {MAX_FIELDS_WITH_INNER} fields, inner ones counted"
            )
        return self


class NewContentType(Definition):
    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: TypeName


class FieldSince(Schema):
    """Since when a field has been the one of its `name`, and since when it has had a value for each
    of the `locales`, some inside, or none for any.
    """

    name: Timestamp
    locales: Timestamp


class ContentType(Schema):
    id: UUID
    name: str
    display_name: str
    fields: Fields
    version: int
    created_at: Timestamp
    updated_at: Timestamp
    # The tenant's, read together with the type: entries are checked against both.
    locales: Annotated[Locales, Field(exclude=True)]
    # By name. What is not named here has been as it is since the type was last changed.
    fields_since: Annotated[Mapping[str, FieldSince], Field(exclude=True)] = {}

    @property
    def etag(self) -> str:
        """Tells a type from another one that had its name before."""
        return f'"{self.version}-{self.id.hex[-_DIGITS_OF_ID:]}"'

    @model_validator(mode="wrap")
    @classmethod
    def _stored(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        with patterns.known():
            return read(value)
