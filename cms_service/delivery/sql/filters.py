"""The SQL of filters. Pure."""

from dataclasses import replace
from operator import itemgetter
from typing import Any

from cms_service.delivery.query.attributes import Kind
from cms_service.delivery.query.grammar import Operator
from cms_service.delivery.query.plan import Comparison
from cms_service.delivery.sql.parameters import Parameters, as_json
from cms_service.delivery.sql.stored_values import CASTS, comparable, stored

_COMPARISONS = {Operator.LT: "<", Operator.LTE: "<=", Operator.GT: ">", Operator.GTE: ">="}
_NEGATIVE = {Operator.NE: Operator.EQ, Operator.NOT_IN: Operator.IN}
SINGLE = frozenset({Operator.EQ, Operator.HAS})
ANY = frozenset({Operator.IN, Operator.HAS_ANY})


def condition(number: int, test: Comparison, parameters: Parameters) -> str:
    if (positive := _NEGATIVE.get(test.operator)) is not None:
        found = condition(number, replace(test, operator=positive), parameters)
        return f"NOT coalesce({found}, false)"
    attribute, operator = test.attribute, test.operator
    if operator is Operator.EXISTS:
        there = "IS NOT NULL" if test.values[0] else "IS NULL"
        return f"{stored(attribute, parameters)} {there}"
    if operator in _COMPARISONS:
        value = parameters.compared(number, lambda values: _text(values[0]), "text")
        left, cast = comparable(attribute, parameters), CASTS[attribute.kind]
        return f"{left} {_COMPARISONS[operator]} ({value})::{cast}"
    if attribute.column is not None:
        return _column_equals(number, test, parameters)
    left = f"{stored(attribute, parameters)} =" if attribute.chain else "p.fields @>"

    def encode(value: Any) -> str:
        if attribute.chain:
            return as_json(value)
        return as_json({attribute.field: [value] if attribute.kind is Kind.LINKS else value})

    if operator in SINGLE:
        one = parameters.compared(number, lambda values: encode(values[0]), "jsonb")
        return f"{left} {one}"
    some = parameters.compared(number, lambda values: [encode(v) for v in values], "jsonb[]")
    return f"{left} ANY ({some})"


def _column_equals(number: int, test: Comparison, parameters: Parameters) -> str:
    column = stored(test.attribute, parameters)
    cast = "text" if test.attribute.kind is Kind.TEXT else CASTS[test.attribute.kind]
    if test.operator in SINGLE:
        return f"{column} = ({parameters.compared(number, itemgetter(0), 'text')})::{cast}"
    return f"{column} = ANY (({parameters.compared(number, list, 'text[]')})::{cast}[])"


def _text(value: object) -> str:
    return value if isinstance(value, str) else as_json(value)
