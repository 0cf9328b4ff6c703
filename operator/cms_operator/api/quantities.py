"""Kubernetes quantities (`250m`, `512Mi`): read, and written as the API server writes them."""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic.functional_validators import AfterValidator

from cms_operator.api.rules import Rule

_FORM = re.compile(
    r"\+?(?P<number>\d+(\.\d*)?|\.\d+)(?P<suffix>[numkMGTPE]|[KMGTPE]i|[eE](?P<exponent>[+-]?\d{1,3}))?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
_NANO = Decimal("1e-9")
_LONGEST = 32


def _split(text: str) -> tuple[Decimal, str, bool]:
    """The value, its suffix, and whether that is an exponent. Raises ValueError."""
    form = _FORM.fullmatch(text)
    if form is None or len(text) > _LONGEST:
        raise ValueError(f'"{text[:_LONGEST]}" is not a quantity')
    number, suffix = Decimal(form["number"]), form["suffix"] or ""
    if form["exponent"] is not None:
        return number.scaleb(int(form["exponent"])), suffix, True
    if suffix in _BINARY:
        return number * 1024 ** _BINARY[suffix], suffix, False
    return number.scaleb(_DECIMAL[suffix]), suffix, False


def parse(text: str) -> Decimal:
    """Raises ValueError for what is not a quantity, and for one below zero."""
    return _split(text)[0]


def canonical(text: str) -> str:
    """The one spelling that the API server stores for this value. Raises ValueError."""
    value, suffix, exponential = _split(text)
    if suffix in _BINARY and value >= 1024:  # noqa: PLR2004 - below, the server writes decimals
        return _canonical_binary(int(value.to_integral_value(ROUND_CEILING)))
    mantissa = int((value / _NANO).to_integral_value(ROUND_CEILING))
    if mantissa == 0:
        return "0"
    power = -9
    while mantissa % 1000 == 0 and power < _DECIMAL["E"]:
        mantissa, power = mantissa // 1000, power + 3
    if exponential:
        return f"{mantissa}e{power}" if power else str(mantissa)
    return f"{mantissa}{_suffix_of(power, _DECIMAL)}"


def _canonical_binary(amount: int) -> str:
    power = 0
    while amount % 1024 == 0 and power < _BINARY["Ei"]:
        amount, power = amount // 1024, power + 1
    return f"{amount}{_suffix_of(power, _BINARY) if power else ''}"


def _suffix_of(power: int, suffixes: dict[str, int]) -> str:
    return next(suffix for suffix, candidate in suffixes.items() if candidate == power)


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _is_positive(text: str) -> bool:
    try:
        return parse(text) > 0
    except ValueError:
        return False


_SCHEMA = {
    "anyOf": [{"type": "integer"}, {"type": "string"}],
    "maxLength": _LONGEST,
    "x-kubernetes-int-or-string": True,
}

Quantity = Annotated[
    str,
    BeforeValidator(_as_text),
    WithJsonSchema(_SCHEMA),
    Rule(
        cel="isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",
        message="must be a quantity above zero, such as 250m or 512Mi",
        holds=_is_positive,
    ),
    AfterValidator(canonical),
]
