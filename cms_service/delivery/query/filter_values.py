"""The values of filters: as a query string has them, and as they are stored. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from cms_service.content_types.fields import BaseField, Completeness, Context
from cms_service.content_types.fields.moments import DatetimeField
from cms_service.content_types.fields.scalar import LocalisableField
from cms_service.core.validation.exact import ID_PATTERN
from cms_service.core.validation.strict_json import MAX_NUMBER
from cms_service.delivery.query.attributes import Attribute, ValueKind
from cms_service.locales.schemas import ENGLISH

# As many digits as answers show: of 10⁻²⁰ and all that a double has after its first.
NUMBER_PATTERN = r"^-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,36})?$"
_ANY_MOMENT = DatetimeField(name="any", kind="datetime")


def value_of(attribute: Attribute, field: BaseField | None, text: str) -> Any:
    """Raises ValueError."""
    return _PARSERS[attribute.kind](field, text)


def _text_value(field: BaseField | None, text: str) -> str:
    """Any text for a field of the kind `text`, and for other kinds only what they can store."""
    if field is None or field.kind == "text":
        return text
    stored: str = _accept(field, text)
    return stored


def _accept(field: BaseField, value: Any) -> Any:
    if isinstance(field, LocalisableField):
        return field.accept_value(value)
    return field.accept(value, Context(Completeness.DRAFT, ENGLISH))


def _number_value(_field: BaseField | None, text: str) -> int | float:
    if re.fullmatch(NUMBER_PATTERN[1:-1], text, re.ASCII) is None:
        raise ValueError("must be a number, like 10 or -2.5")
    number = float(text) if "." in text else int(text)
    if not -MAX_NUMBER <= number <= MAX_NUMBER:
        raise ValueError(f"must be within {MAX_NUMBER} of 0")
    return number


def _id_value(_field: BaseField | None, text: str) -> str:
    if re.fullmatch(ID_PATTERN[1:-1], text, re.ASCII) is None:
        raise ValueError("must be the identifier of an entry")
    return text.lower()


def boolean_of(text: str) -> bool:
    """Raises ValueError."""
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _date_value(field: BaseField | None, text: str) -> str:
    if field is None:
        raise AssertionError  # only fields are days
    return str(_unbounded(field).accept_value(text))


def _moment_value(field: BaseField | None, text: str) -> str:
    return str(_unbounded(field or _ANY_MOMENT).accept_value(text))


def _unbounded(field: BaseField) -> Any:
    """The field without its bounds: a filter may ask for what is before the first possible day."""
    return field.model_copy(update={"minimum": None, "maximum": None})


_PARSERS: Mapping[ValueKind, Callable[[BaseField | None, str], Any]] = {
    ValueKind.ID: _id_value,
    ValueKind.TEXT: _text_value,
    ValueKind.NUMBER: _number_value,
    ValueKind.BOOLEAN: lambda _field, text: boolean_of(text),
    ValueKind.DATE: _date_value,
    ValueKind.MOMENT: _moment_value,
    ValueKind.LINK: _id_value,
    ValueKind.LINKS: _id_value,
}
