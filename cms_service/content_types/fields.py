"""The kinds of fields, what each may be told, and what each accepts as a value. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError, model_validator
from pydantic_core import SchemaError

from cms_service.core.errors import FieldError
from cms_service.core.schemas import RequestBody
from cms_service.core.strict_json import MAX_NUMBER

MAX_FIELDS = 100
_MAX_TEXT_LENGTH = 100_000
_MAX_SLUG_LENGTH = 200
_MAX_JSON_BYTES = 64 * 1024

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-zA-Z0-9_]{0,62}$")]
Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]


class BaseField(RequestBody):
    """`required` is asked for when an entry is published: a draft may be unfinished."""

    name: FieldName
    required: bool = False

    def accept(self, value: Any) -> Any:
        """The value as it is stored. Raises ValueError with a message for the client."""
        raise NotImplementedError


class TextField(BaseField):
    """`pattern` may match anywhere in the text unless it is anchored; it knows no look-around
    and no back-references, so that no pattern can take more than linear time.
    """

    kind: Literal["text"]
    min_length: Annotated[int, Field(ge=0, le=_MAX_TEXT_LENGTH)] = 0
    max_length: Annotated[int, Field(ge=1, le=_MAX_TEXT_LENGTH)] = 10_000
    pattern: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_length > self.max_length:
            raise ValueError("minLength is above maxLength")
        if self.pattern is not None:
            _compiled(self.pattern)
        return self

    def accept(self, value: Any) -> str:
        text = _text(value)
        if not self.min_length <= len(text) <= self.max_length:
            raise ValueError(f"must have {self.min_length} to {self.max_length} characters")
        if self.pattern is not None and not _matches(self.pattern, text):
            raise ValueError(f"must match the pattern {self.pattern}")
        return text


class NumberField(BaseField):
    kind: Literal["number"]
    integer: bool = False
    minimum: Number = -MAX_NUMBER
    maximum: Number = MAX_NUMBER

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        return self

    def accept(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")  # noqa: TRY004 - all wrong values are ValueError
        if self.integer and value != int(value):
            raise ValueError("must be a whole number")
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"must be from {self.minimum:.17g} to {self.maximum:.17g}")
        return int(value) if self.integer else value


class BooleanField(BaseField):
    kind: Literal["boolean"]

    def accept(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be true or false")  # noqa: TRY004 - a wrong value, whatever its type
        return value


class DatetimeField(BaseField):
    kind: Literal["datetime"]

    def accept(self, value: Any) -> str:
        """RFC 3339 with an offset; stored in UTC."""
        try:
            moment = datetime.fromisoformat(_text(value))
            if "T" not in value or moment.tzinfo is None:
                raise ValueError  # noqa: TRY301 - told as the one below
            return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
        except (ValueError, OverflowError):
            raise ValueError("must be a time like 2026-01-31T12:00:00Z") from None


class EnumerationField(BaseField):
    kind: Literal["enumeration"]
    values: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...],
        Field(min_length=1, max_length=200),
    ]

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len(set(self.values)) != len(self.values):
            raise ValueError("a value is listed twice")
        return self

    def accept(self, value: Any) -> str:
        if value not in self.values:
            raise ValueError(f"must be one of {', '.join(self.values)}"[:500])
        return str(value)


class SlugField(BaseField):
    """Unique within its type: entries are delivered by it."""

    kind: Literal["slug"]

    def accept(self, value: Any) -> str:
        text = _text(value)
        if len(text) > _MAX_SLUG_LENGTH or not _matches(r"^[a-z0-9]+(-[a-z0-9]+)*$", text):
            raise ValueError("must be lower-case letters and digits, joined by single hyphens")
        if is_uuid(text):
            raise ValueError("must not look like an identifier")
        return text


class JsonField(BaseField):
    kind: Literal["json"]

    def accept(self, value: Any) -> Any:
        if len(orjson.dumps(value)) > _MAX_JSON_BYTES:
            raise ValueError(f"must have at most {_MAX_JSON_BYTES} bytes")
        return value


AnyField = Annotated[
    TextField
    | NumberField
    | BooleanField
    | DatetimeField
    | EnumerationField
    | SlugField
    | JsonField,
    Field(discriminator="kind"),
]
Fields = tuple[AnyField, ...]


class Completeness(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


def accept_all(
    fields: Sequence[BaseField], values: Mapping[str, Any], completeness: Completeness
) -> tuple[dict[str, Any], tuple[FieldError, ...]]:
    """The values as they are stored, and what is wrong with them. A null counts as absent."""
    known = {field.name: field for field in fields}
    accepted: dict[str, Any] = {}
    errors = [FieldError(_pointer(name), "no such field") for name in values.keys() - known.keys()]
    for name, field in known.items():
        value = values.get(name)
        if value is None:
            if field.required and completeness is Completeness.PUBLISHED:
                errors.append(FieldError(_pointer(name), "is required"))
            continue
        try:
            accepted[name] = field.accept(value)
        except ValueError as error:
            errors.append(FieldError(_pointer(name), str(error)))
    return accepted, tuple(sorted(errors, key=lambda error: error.pointer))


def slug_of(fields: Sequence[BaseField], values: Mapping[str, Any]) -> str | None:
    for field in fields:
        if isinstance(field, SlugField):
            slug: str | None = values.get(field.name)
            return slug
    return None


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _pointer(name: str) -> str:
    return "/fields/" + name[:100].replace("~", "~0").replace("/", "~1")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a wrong value, whatever its type
    return value


@lru_cache(maxsize=500)
def _compiled(pattern: str) -> TypeAdapter[str]:
    """Raises ValueError. The engine is Rust's regex crate, which never backtracks."""
    try:
        return TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError:
        raise ValueError("pattern is not a supported regular expression") from None


def _matches(pattern: str, text: str) -> bool:
    try:
        _compiled(pattern).validate_python(text)
    except ValidationError:
        return False
    return True
