"""Measures of a candidate that others give: Prometheus queries and webhooks."""

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap, Rule, matches, only_one_of
from cms_operator.api.types import DnsLabel, HttpPath

PLACEHOLDERS = ("namespace", "name", "candidate", "stable")

_NUMBER = r"-?[0-9]{1,12}(\.[0-9]{1,9})?"


def _number_or_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise PydanticCustomError("type", 'must be a whole number, or a text such as "0.05"')
    return value


def _is_number(value: int | str) -> bool:
    return re.fullmatch(_NUMBER, str(value)) is not None


# Floating-point numbers have no one spelling, so that resources do without them.
Limit = Annotated[
    Any,
    BeforeValidator(_number_or_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 23,
            "x-kubernetes-int-or-string": True,
        }
    ),
    Rule(
        cel=f"string(self).matches(r'^{_NUMBER}$')",
        message='must be a number of at most 12 digits, such as 5 or "0.05"',
        holds=_is_number,
    ),
]

_Query = Annotated[
    str,
    Field(min_length=1, max_length=2048),
    matches(
        rf"^([^{{]|\{{[^{{]|\{{\{{({'|'.join(PLACEHOLDERS)})\}}\}})*\{{?$",
        f"knows only the placeholders {', '.join(f'{{{{{name}}}}}' for name in PLACEHOLDERS)}",
    ),
]


class PrometheusMeasure(Model):
    query: _Query
    """PromQL with one number as its result. {{namespace}}, {{name}}, {{candidate}} and {{stable}}
    stand for the HeadlessCMS and its two revisions."""


class WebhookMeasure(Model):
    service: DnsLabel
    """Service that gives the verdict, in the namespace of the HeadlessCMS."""

    port: Annotated[int, Field(ge=1, le=65535)] = 80
    """Port of the Service (default 80)."""

    path: HttpPath = "/"
    """Path that gets a POST (default /)."""


class Measure(Model):
    name: DnsLabel
    """Name of the measure in status and Events."""

    prometheus: PrometheusMeasure | None = None
    """Asks the Prometheus that the operator is set up with; excludes webhook."""

    webhook: WebhookMeasure | None = None
    """Asks a Service for a verdict; excludes prometheus."""

    max: Limit | None = None
    """Largest result of the query that passes."""

    min: Limit | None = None
    """Smallest result of the query that passes."""

    failure_limit: Annotated[int, Field(ge=0, le=100)] = 0
    """Failed measurements that are tolerated; one more fails the release (default 0)."""

    consecutive_error_limit: Annotated[int, Field(ge=0, le=100)] = 4
    """Measurements in a row without an answer that are tolerated (default 4). An error is never a
    failed measurement."""

    dry_run: bool = False
    """true shows the results and lets them decide nothing (default false)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        only_one_of("prometheus", "webhook"),
        Rule(
            cel="!has(self.prometheus) || has(self.max) || has(self.min)",
            message="max or min must be set with prometheus",
            holds=lambda measure: measure.prometheus is None or _has_limit(measure),
            reason="FieldValueRequired",
        ),
        Rule(
            cel="!has(self.webhook) || !(has(self.max) || has(self.min))",
            message="max and min are for prometheus; a webhook gives its own verdict",
            holds=lambda measure: measure.webhook is None or not _has_limit(measure),
            reason="FieldValueForbidden",
        ),
        Rule(
            # What is no number is told by the field's own rule.
            cel=(
                "!has(self.max) || !has(self.min) || "
                f"![self.min, self.max].all(limit, string(limit).matches(r'^{_NUMBER}$')) || "
                "double(string(self.min)) <= double(string(self.max))"
            ),
            message="must be at least min",
            holds=lambda measure: (
                measure.max is None
                or measure.min is None
                or float(measure.min) <= float(measure.max)
            ),
            field="max",
        ),
    )


def _has_limit(measure: Measure) -> bool:
    return measure.max is not None or measure.min is not None


Measures = Annotated[tuple[Measure, ...], Field(max_length=10), ListMap("name")]
