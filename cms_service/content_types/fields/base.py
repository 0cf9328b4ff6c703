"""What all kinds of fields have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Annotated, Any

from pydantic import Field

from cms_service.core.errors import FieldError
from cms_service.core.validation.exact import Flag
from cms_service.core.validation.schemas import RequestBody
from cms_service.locales.schemas import Locales

JsonSchema = dict[str, Any]

FieldName = Annotated[str, Field(pattern=r"^[a-z][a-zA-Z0-9_]{0,62}$")]
_SHOWN_NAME_LENGTH = 100
# A value may be wrong in tens of thousands of places: after so many no more are looked for.
MOST_ERRORS = 1_000


class Completeness(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"


@dataclass(frozen=True)
class Context:
    """What beside the field decides whether a value is accepted."""

    completeness: Completeness
    locales: Locales

    @property
    def is_complete(self) -> bool:
        return self.completeness is Completeness.PUBLISHED


@dataclass(frozen=True)
class Shape:
    """Which values a JSON Schema describes: those that are stored in `context`, and with `nulls`
    those that may be sent as well. With `delivered` it tells of an entry type's name what an
    expanded reference to it looks like, and a localised value may stand for all of them.
    """

    context: Context
    nulls: bool = False
    delivered: Callable[[str], JsonSchema] | None = None

    def optional(self, schema: JsonSchema) -> JsonSchema:
        return {"anyOf": [schema, {"type": "null"}]} if self.nulls else schema


class RefusedValue(ValueError):  # noqa: N818 - named as pydantic and the standard library name theirs
    """Something inside the value is wrong; pointers begin at the value."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__()
        self.errors = tuple(errors[:MOST_ERRORS])

    def __str__(self) -> str:
        return "; ".join(f"{error.pointer}: {error.detail}" for error in self.errors)


class BaseField(RequestBody):
    """`required` is asked for when an entry is published: a draft may be unfinished.
    `renamedFrom` belongs to a change of the type and is not kept.
    """

    name: FieldName
    kind: str
    required: Flag = False
    renamed_from: Annotated[FieldName | None, Field(exclude=True)] = None

    def accept(self, value: Any, context: Context) -> Any:
        """The value as it is stored. Raises ValueError with a message for the client."""
        raise NotImplementedError

    def json_schema(self, shape: Shape) -> JsonSchema:
        """JSON Schema 2020-12, of a value that is there."""
        raise NotImplementedError

    def default_value(self, _context: Context) -> Any:
        """What an entry begins with; None for nothing."""
        return None


def accept_members(
    fields: Sequence[BaseField], values: Mapping[str, Any], context: Context
) -> tuple[dict[str, Any], list[FieldError]]:
    """The values as they are stored, and what is wrong with them. A null counts as absent."""
    known = {field.name: field for field in fields}
    accepted: dict[str, Any] = {}
    unknown = islice((name for name in values if name not in known), MOST_ERRORS)
    errors = [FieldError(pointer(name), "no such field") for name in unknown]
    for name, field in known.items():
        value = values.get(name)
        if value is None:
            if field.required and context.is_complete:
                errors.append(FieldError(pointer(name), "is required"))
            continue
        try:
            accepted[name] = field.accept(value, context)
        except ValueError as error:
            errors += errors_at(pointer(name), error)
    return accepted, errors


def members_schema(fields: Sequence[BaseField], shape: Shape) -> JsonSchema:
    schema: JsonSchema = {
        "type": "object",
        "properties": {field.name: shape.optional(field.json_schema(shape)) for field in fields},
        "additionalProperties": False,
    }
    required = [field.name for field in fields if field.required]
    if required and shape.context.is_complete:
        schema["required"] = required
    return schema


def pointer(part: str | int) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return "/" + str(part)[:_SHOWN_NAME_LENGTH].replace("~", "~0").replace("/", "~1")


def errors_at(place: str, error: ValueError) -> list[FieldError]:
    if isinstance(error, RefusedValue):
        return [FieldError(place + inner.pointer, inner.detail) for inner in error.errors]
    return [FieldError(place, str(error))]


def text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 - a wrong value, whatever its type
    return value
