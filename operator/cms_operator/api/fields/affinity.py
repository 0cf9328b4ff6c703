"""Which nodes, and which neighbours, a pod prefers or needs."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cms_operator.api.labels import LabelSelector
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule, matches
from cms_operator.api.types import DnsLabel, LabelKey, LabelValue

_Weight = Annotated[int, Field(ge=1, le=100)]


def _values_fit_operator(requirement: Any) -> bool:
    count = len(requirement.values)
    return {"In": count > 0, "NotIn": count > 0, "Gt": count == 1, "Lt": count == 1}.get(
        requirement.operator, count == 0
    )


_WHOLE_NUMBER = "^[0-9]{1,18}$"


def _numbers_are_compared(requirement: Any) -> bool:
    is_number = matches(_WHOLE_NUMBER, "").holds
    return requirement.operator not in {"Gt", "Lt"} or all(map(is_number, requirement.values))


class NodeRequirement(Model):
    key: LabelKey
    """Key of the node's label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How the label is compared with the values."""

    values: Annotated[tuple[LabelValue, ...], Field(max_length=50)] = ()
    """Values for In and NotIn; one whole number for Gt and Lt."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "self.operator in ['Exists', 'DoesNotExist'] ? "
                "!has(self.values) || self.values.size() == 0 : "
                "has(self.values) && (self.operator in ['Gt', 'Lt'] ? "
                "self.values.size() == 1 : self.values.size() > 0)"
            ),
            message="In and NotIn need values, Gt and Lt need one, the others have none",
            holds=_values_fit_operator,
            field="values",
        ),
        Rule(
            cel=(
                "!(self.operator in ['Gt', 'Lt']) || !has(self.values) || "
                f"self.values.all(value, value.matches('{_WHOLE_NUMBER}'))"
            ),
            message="Gt and Lt need a whole number",
            holds=_numbers_are_compared,
            field="values",
        ),
    )


class NodeFieldRequirement(Model):
    key: Literal["metadata.name"]
    """The node's field: metadata.name."""

    operator: Literal["In", "NotIn"]
    """How the field is compared with the value."""

    values: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=253)], ...],
        Field(min_length=1, max_length=1),
    ]
    """One name of a node."""


class NodeSelectorTerm(Model):
    match_expressions: Annotated[tuple[NodeRequirement, ...], Field(max_length=10)] = ()
    """Requirements on labels; all must hold."""

    match_fields: Annotated[tuple[NodeFieldRequirement, ...], Field(max_length=10)] = ()
    """Requirements on fields; all must hold."""


class NodeSelector(Model):
    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1, max_length=10)]
    """Terms of which one must hold."""


class PreferredNodes(Model):
    weight: _Weight
    """Weight of the preference, 1 to 100."""

    preference: NodeSelectorTerm
    """Nodes that are preferred."""


class NodeAffinity(Model):
    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes on which a pod may be placed."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredNodes, ...], Field(max_length=10)
    ] = ()
    """Nodes that are preferred."""


class PodAffinityTerm(Model):
    topology_key: LabelKey
    """Label of nodes that says which of them are one place, such as kubernetes.io/hostname."""

    label_selector: LabelSelector | None = None
    """Labels of the neighbours."""

    namespaces: Annotated[tuple[DnsLabel, ...], Field(max_length=20)] = ()
    """Namespaces of the neighbours (default: that of the HeadlessCMS)."""

    namespace_selector: LabelSelector | None = None
    """Labels of the neighbours' namespaces; {} is all."""


class WeightedPodAffinityTerm(Model):
    weight: _Weight
    """Weight of the preference, 1 to 100."""

    pod_affinity_term: PodAffinityTerm
    """Neighbours that are meant."""


class PodAffinity(Model):
    required_during_scheduling_ignored_during_execution: Annotated[
        tuple[PodAffinityTerm, ...], Field(max_length=10)
    ] = ()
    """Terms that must hold."""

    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[WeightedPodAffinityTerm, ...], Field(max_length=10)
    ] = ()
    """Terms that are preferred."""


class Affinity(Model):
    node_affinity: NodeAffinity | None = None
    """Nodes that are needed or preferred."""

    pod_affinity: PodAffinity | None = None
    """Pods whose neighbourhood is needed or preferred."""

    pod_anti_affinity: PodAffinity | None = None
    """Pods whose neighbourhood is avoided."""
