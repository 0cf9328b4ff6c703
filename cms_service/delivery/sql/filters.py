"""The SQL of filters. Pure."""

from operator import itemgetter
from typing import Any, assert_never

from cms_service.delivery.query.attributes import Attribute, ValueKind
from cms_service.delivery.query.grammar import Operator
from cms_service.delivery.query.plan import Comparison
from cms_service.delivery.sql.parameters import Parameters, as_json
from cms_service.delivery.sql.stored_values import CASTS, comparable, stored

_SIGNS = {Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
# Those that an index of values can answer, by one value or by any of several.
SINGLE = frozenset({Operator.EQ, Operator.HAS})
ANY = frozenset({Operator.IN, Operator.HAS_ANY})


def condition(number: int, test: Comparison, parameters: Parameters) -> str:
    match test.operator:
        case Operator.EQ | Operator.HAS:
            return _equals_one(number, test, parameters)
        case Operator.IN | Operator.HAS_ANY:
            return _equals_any(number, test, parameters)
        case Operator.NE:
            return _not(_equals_one(number, test, parameters))
        case Operator.NOT_IN:
            return _not(_equals_any(number, test, parameters))
        case Operator.LT | Operator.LTE | Operator.GT | Operator.GTE:
            return _compares(_SIGNS[test.operator], number, test, parameters)
        case Operator.EXISTS:
            there = "IS NOT NULL" if test.values[0] else "IS NULL"
            return f"{stored(test.attribute, parameters)} {there}"
        case _:
            assert_never(test.operator)


def _not(found: str) -> str:
    return f"NOT coalesce({found}, false)"


def _compares(sign: str, number: int, test: Comparison, parameters: Parameters) -> str:
    value = parameters.compared(number, lambda values: _text(values[0]), "text")
    return (
        f"{comparable(test.attribute, parameters)} {sign} ({value})::{CASTS[test.attribute.kind]}"
    )


def _equals_one(number: int, test: Comparison, parameters: Parameters) -> str:
    attribute = test.attribute
    if attribute.column is not None:
        value = parameters.compared(number, itemgetter(0), "text")
        return f"{stored(attribute, parameters)} = ({value})::{_cast(attribute)}"
    left = _searched(attribute, parameters)
    one = parameters.compared(number, lambda values: _encoded(attribute, values[0]), "jsonb")
    return f"{left} {one}"


def _equals_any(number: int, test: Comparison, parameters: Parameters) -> str:
    attribute = test.attribute
    if attribute.column is not None:
        values = parameters.compared(number, list, "text[]")
        return f"{stored(attribute, parameters)} = ANY (({values})::{_cast(attribute)}[])"
    left = _searched(attribute, parameters)
    some = parameters.compared(
        number, lambda values: [_encoded(attribute, value) for value in values], "jsonb[]"
    )
    return f"{left} ANY ({some})"


def _searched(attribute: Attribute, parameters: Parameters) -> str:
    return f"{stored(attribute, parameters)} =" if attribute.chain else "p.fields @>"


def _encoded(attribute: Attribute, value: Any) -> str:
    if attribute.chain:
        return as_json(value)
    return as_json({attribute.field: [value] if attribute.kind is ValueKind.LINKS else value})


def _cast(attribute: Attribute) -> str:
    return "text" if attribute.kind is ValueKind.TEXT else CASTS[attribute.kind]


def _text(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)
