"""Single values: they may have a default, and a value for each locale."""

from collections.abc import Callable
from typing import Any, Self

import orjson
from pydantic import model_validator

from cms_service.content_types.fields.base import (
    BaseField,
    Context,
    JsonSchema,
    RefusedValue,
    Shape,
    errors_at,
    pointer,
)
from cms_service.core.errors import FieldError
from cms_service.core.validation.exact import Flag


class LocalisableField(BaseField):
    """A localised value is an object locale -> value. To be complete it needs a value in the
    default locale.
    """

    localised: Flag = False

    def accept_value(self, value: Any) -> Any:
        """Accepts the value of one locale. Raises ValueError."""
        raise NotImplementedError

    def value_schema(self) -> JsonSchema:
        raise NotImplementedError

    def accept(self, value: Any, context: Context) -> Any:
        if not self.localised:
            return self.accept_value(value)
        return _accept_by_locale(self.accept_value, value, context, required=self.required)

    def json_schema(self, shape: Shape) -> JsonSchema:
        if not self.localised:
            return self.value_schema()
        by_locale = self._by_locale_schema(shape)
        if shape.delivered is None:
            return by_locale
        return {"anyOf": [self.value_schema(), by_locale]}

    def _by_locale_schema(self, shape: Shape) -> JsonSchema:
        locales = shape.context.locales
        value = shape.optional(self.value_schema())
        schema: JsonSchema = {
            "type": "object",
            "properties": {locale.code: value for locale in locales.locales},
            "additionalProperties": False,
        }
        if self.required and shape.context.is_complete:
            schema["required"] = [locales.default]
        return schema


class ScalarField(LocalisableField):
    """`default` is what an entry begins with where the field is not given."""

    default: Any = None

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.default is not None:
            try:
                self.accept_value(self.default)
            except ValueError as error:
                raise ValueError(f"the default {error}") from None
        return self

    def default_value(self, context: Context) -> Any:
        if self.default is None:
            return None
        accepted = self.accept_value(self.default)
        return {context.locales.default: accepted} if self.localised else accepted


class UniqueField(ScalarField):
    """`unique`: no two entries of the type have the same value, in the same locale."""

    unique: Flag = False

    @model_validator(mode="after")
    def _default_is_not_unique(self) -> Self:
        if self.unique and self.default is not None:
            raise ValueError("a unique field has no default")
        return self

    def identity(self, accepted: Any) -> bytes:
        """The same for values that count as the same."""
        return orjson.dumps(accepted)

    def values_by_locale(self, stored: Any) -> dict[str, Any]:
        """The values by locale, which is "" for a field that is not localised."""
        return stored if self.localised else {"": stored}


def _accept_by_locale(
    accept: Callable[[Any], Any], value: Any, context: Context, *, required: bool
) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("must be an object with a value for each locale")  # noqa: TRY004 - a wrong value
    accepted: dict[str, Any] = {}
    errors: list[FieldError] = []
    for locale, one in value.items():
        if locale not in context.locales.codes:
            errors.append(FieldError(pointer(locale), "no such locale"))
        elif one is not None:
            try:
                accepted[locale] = accept(one)
            except ValueError as error:
                errors += errors_at(pointer(locale), error)
    default = context.locales.default
    if required and context.is_complete and value.get(default) is None:
        errors.append(FieldError(pointer(default), "is required"))
    if errors:
        raise RefusedValue(errors)
    return accepted
