"""Days and moments. Their bounds are written as their values are."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from cms_service.content_types.fields.base import JsonSchema, text_of
from cms_service.content_types.fields.scalar import UniqueField

Moment = TypeVar("Moment", date, datetime)

_DAY = r"([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
_DATE_PATTERN = rf"^{_DAY}$"
# RFC 3339 with an offset.
_DATETIME_PATTERN = (
    rf"^{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\.[0-9]{{1,6}})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})$"
)

_DATE: JsonSchema = {"type": "string", "format": "date", "pattern": _DATE_PATTERN}
_DATETIME: JsonSchema = {"type": "string", "format": "date-time", "pattern": _DATETIME_PATTERN}


class _MomentField(UniqueField, Generic[Moment]):
    minimum: str | None = None
    maximum: str | None = None
    default: str | None = None

    def parse(self, value: Any) -> Moment:
        """Raises ValueError."""
        raise NotImplementedError

    def write(self, moment: Moment) -> str:
        raise NotImplementedError

    @model_validator(mode="after")
    def _possible(self) -> Self:
        low, high = (None if b is None else self.parse(b) for b in (self.minimum, self.maximum))
        if low is not None and high is not None and low > high:
            raise ValueError("minimum is above maximum")
        return self

    def accept_value(self, value: Any) -> str:
        moment = self.parse(value)
        if self.minimum is not None and moment < self.parse(self.minimum):
            raise ValueError(f"must not be before {self.minimum}")
        if self.maximum is not None and moment > self.parse(self.maximum):
            raise ValueError(f"must not be after {self.maximum}")
        return self.write(moment)


class DateField(_MomentField[date]):
    kind: Literal["date"]
    minimum: Annotated[str, Field(json_schema_extra=_DATE)] | None = None
    maximum: Annotated[str, Field(json_schema_extra=_DATE)] | None = None
    default: Annotated[str, Field(json_schema_extra=_DATE)] | None = None

    def parse(self, value: Any) -> date:
        try:
            return date.fromisoformat(_matching(_DATE_PATTERN, value))
        except ValueError:
            raise ValueError("must be a day like 2026-01-31") from None

    def write(self, moment: date) -> str:
        return moment.isoformat()

    def value_schema(self) -> JsonSchema:
        return dict(_DATE)


class DatetimeField(_MomentField[datetime]):
    """The value is stored in UTC."""

    kind: Literal["datetime"]
    minimum: Annotated[str, Field(json_schema_extra=_DATETIME)] | None = None
    maximum: Annotated[str, Field(json_schema_extra=_DATETIME)] | None = None
    default: Annotated[str, Field(json_schema_extra=_DATETIME)] | None = None

    def parse(self, value: Any) -> datetime:
        try:
            return datetime.fromisoformat(_matching(_DATETIME_PATTERN, value)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValueError("must be a time like 2026-01-31T12:00:00Z") from None

    def write(self, moment: datetime) -> str:
        return moment.isoformat().replace("+00:00", "Z")

    def value_schema(self) -> JsonSchema:
        return dict(_DATETIME)


def _matching(pattern: str, value: Any) -> str:
    text = text_of(value)
    if re.fullmatch(pattern[1:-1], text, re.ASCII) is None:
        raise ValueError
    return text
