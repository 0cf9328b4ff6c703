from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, model_validator

from cms_service.content_types.fields import MAX_FIELDS, Fields, SlugField
from cms_service.core.schemas import RequestBody, Schema, Timestamp
from cms_service.tenants.schemas import DisplayName

TYPE_NAME_PATTERN = r"^[a-z][a-z0-9-]{0,62}$"

TypeName = Annotated[str, Field(pattern=TYPE_NAME_PATTERN)]


class Definition(RequestBody):
    display_name: DisplayName
    fields: Annotated[Fields, Field(min_length=1, max_length=MAX_FIELDS)]

    @model_validator(mode="after")
    def _fields_fit(self) -> Self:
        if len({field.name for field in self.fields}) != len(self.fields):
            raise ValueError("a field's name is used twice")
        if sum(isinstance(field, SlugField) for field in self.fields) > 1:
            raise ValueError("a type has at most one slug field")
        return self


class NewContentType(Definition):
    name: TypeName


class ContentType(Schema):
    id: UUID
    name: str
    display_name: str
    fields: Fields
    version: int
    created_at: Timestamp
    updated_at: Timestamp
