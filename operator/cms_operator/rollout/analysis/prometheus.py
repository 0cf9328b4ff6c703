"""A query for Prometheus, and what its answer says.

The shape of the answers is that of
https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import math
import re
from typing import Any

from cms_operator.api.fields.measures import PLACEHOLDERS, Measure
from cms_operator.rollout.analysis.readings import MeasureContext, Reading, readable

# In every kind of quotes, and in a regular expression, these stand for themselves.
_PLAIN = re.compile(r"[-a-zA-Z0-9]{1,63}")
_PLACEHOLDER = re.compile(r"\{\{(" + "|".join(PLACEHOLDERS) + r")\}\}")


def fill(query: str, context: MeasureContext) -> str:
    """Put names in place of the placeholders.

    Raises ValueError for a name that could end a quoted string.
    """

    def value(found: re.Match[str]) -> str:
        name: str = getattr(context, found[1])
        if _PLAIN.fullmatch(name) is None:
            raise ValueError(f"{{{{{found[1]}}}}} has characters that a query may not get")
        return name

    return _PLACEHOLDER.sub(value, query)


def judge(measure: Measure, answer: Any) -> Reading:
    """Read the decoded answer to an instant query."""
    match answer:
        case {"status": "success", "data": {"resultType": "scalar", "result": [_, str(text)]}}:
            return _of_number(measure, text)
        case {
            "status": "success",
            "data": {"resultType": "vector", "result": [{"value": [_, str(text)]}]},
        }:
            return _of_number(measure, text)
        case {"status": "success", "data": {"resultType": "vector", "result": []}}:
            return Reading(measure.name, detail="the query found no data")
        case {"status": "success", "data": {"resultType": "vector", "result": [_, _, *_] as found}}:
            problem = f"the query found {len(found)} series; it must give one, as sum() does"
        case {"status": "success", "data": {"resultType": str(kind)}}:
            problem = f"the query gave no single number but a {kind}"
        case {"status": "error", "error": str(message)}:
            problem = f"Prometheus refused: {message}"
        case _:
            problem = "Prometheus gave an answer that is none of its API"
    return Reading(measure.name, error=readable(problem))


def _of_number(measure: Measure, text: str) -> Reading:
    try:
        value = float(text)
    except ValueError:
        return Reading(measure.name, error="Prometheus gave a sample that is no number")
    if math.isnan(value):
        return Reading(measure.name, detail="the query gave NaN, as 0/0 does")
    passed = (measure.max is None or value <= float(measure.max)) and (
        measure.min is None or value >= float(measure.min)
    )
    if math.isinf(value):  # which JSON, and so a status, cannot hold
        return Reading(measure.name, passed=passed, detail=f"the query gave {value:+}")
    return Reading(measure.name, value=value, passed=passed)
