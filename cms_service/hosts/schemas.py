from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp
from cms_service.hosts.names import ASCII_PATTERN, MAX_LENGTH, normalised

HostName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        examples=["www.example.com"],
        json_schema_extra={"anyOf": [{"pattern": ASCII_PATTERN}, {"pattern": r"[^\u0000-\u007f]"}]},
    ),
    AfterValidator(normalised),
]


class NewHost(RequestBody):
    """The name is kept in lower case and in punycode."""

    host: HostName


class Host(Schema):
    id: UUID
    host: str
    created_at: Timestamp
