from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import ConfigDict, model_validator

from cms_service.core.validation.exact import Moment
from cms_service.core.validation.schemas import RequestBody, Schema, Timestamp


class Action(StrEnum):
    PUBLISH = "publish"
    UNPUBLISH = "unpublish"


class NewSchedule(RequestBody):
    """Takes the place of the one before. What is left out is not to be done."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [member], "properties": {member: {"not": {"type": "null"}}}}
                for member in ("publishAt", "unpublishAt")
            ]
        }
    )

    publish_at: Moment | None = None
    unpublish_at: Moment | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.publish_at is None and self.unpublish_at is None:
            raise ValueError("publishAt or unpublishAt must be given")
        if self.publish_at and self.unpublish_at and self.publish_at >= self.unpublish_at:
            raise ValueError("unpublishAt must be after publishAt")
        return self


class ScheduledAction(Schema):
    """`failure`: the time came and it could not be done; it is not tried again."""

    action: Action
    at: Timestamp
    created_at: Timestamp
    created_by: UUID | None
    failed_at: Timestamp | None
    failure: str | None


class Schedule(Schema):
    actions: list[ScheduledAction]
