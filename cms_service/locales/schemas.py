"""The languages that a tenant writes in. Pure."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from cms_service.core.validation.schemas import RequestBody

MAX_LOCALES = 50
# The part of BCP 47 that names languages, scripts and regions, in its usual spelling.
LOCALE_PATTERN = r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"

LocaleCode = Annotated[str, Field(pattern=LOCALE_PATTERN)]


class Locale(RequestBody):
    """`fallback`: where to look for a value that is missing here; the default if it is not said."""

    code: LocaleCode
    fallback: LocaleCode | None = None


class Locales(RequestBody):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "default": "en",
                    "locales": [
                        {"code": "en"},
                        {"code": "de"},
                        {"code": "de-AT", "fallback": "de"},
                    ],
                }
            ]
        }
    )

    default: LocaleCode
    locales: Annotated[tuple[Locale, ...], Field(min_length=1, max_length=MAX_LOCALES)]

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(locale.code for locale in self.locales)

    def chain(self, code: str) -> tuple[str, ...]:
        """Where a value for `code` is looked for, in this order. Raises ValueError for fall-backs
        that go in a circle.
        """
        fallbacks = {locale.code: locale.fallback for locale in self.locales}
        chain: list[str] = []
        at: str | None = code
        while at is not None:
            if at in chain:
                raise ValueError(f"the fall-backs of {code} go in a circle")
            chain.append(at)
            at = None if at == self.default else fallbacks[at] or self.default
        return tuple(chain)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(self.codes) != len(self.locales):
            raise ValueError("a locale is listed twice")
        named = {locale.fallback for locale in self.locales if locale.fallback} | {self.default}
        if unknown := named - self.codes:
            raise ValueError(f"{min(unknown)} is not among the locales")
        if any(locale.fallback for locale in self.locales if locale.code == self.default):
            raise ValueError("the default locale has no fall-back")
        for code in self.codes:
            self.chain(code)
        return self


ENGLISH = Locales(default="en", locales=(Locale(code="en"),))
