"""The common ground of all bodies: camelCase outside, nothing unknown accepted."""

from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")

Timestamp = Annotated[datetime, AfterValidator(lambda value: value.astimezone(UTC))]


class Schema(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True
    )


class RequestBody(Schema):
    """Members have one name only, the one in the API's description."""

    model_config = ConfigDict(populate_by_name=False)


class Page(Schema, Generic[Item]):
    items: list[Item]
    next_cursor: str | None
