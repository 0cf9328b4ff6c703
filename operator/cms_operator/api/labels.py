"""Label selectors."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import LabelKey, Labels, LabelValue


def _values_fit_operator(requirement: Any) -> bool:
    return bool(requirement.values) == (requirement.operator in ("In", "NotIn"))


_VALUES_FIT_OPERATOR = Rule(
    cel="(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    message="values are for In and NotIn, and required there",
    holds=_values_fit_operator,
    field="values",
)


class LabelRequirement(Model):
    key: LabelKey
    """Key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with the values."""

    values: Annotated[tuple[LabelValue, ...], Field(max_length=50)] = ()
    """Values for In and NotIn."""

    rules: ClassVar[tuple[Rule, ...]] = (_VALUES_FIT_OPERATOR,)


class LabelSelector(Model):
    match_labels: Labels = Field(default_factory=dict)
    """Labels that must all be there."""

    match_expressions: Annotated[tuple[LabelRequirement, ...], Field(max_length=10)] = ()
    """Requirements that must all hold."""
