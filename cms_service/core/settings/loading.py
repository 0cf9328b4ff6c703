"""Settings come from the environment alone."""

from typing import TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

S = TypeVar("S", bound=BaseSettings)


class SettingsError(Exception):
    """Names the wrong variables; never repeats a value."""


def load(kind: type[S]) -> S:
    """Raises SettingsError."""
    try:
        return kind()
    except ValidationError as error:
        lines = [_line(details["loc"], details["msg"]) for details in error.errors()]
        raise SettingsError("; ".join(lines)) from None


def _line(location: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{str(location[0]).upper()}: {text}" if location else text
