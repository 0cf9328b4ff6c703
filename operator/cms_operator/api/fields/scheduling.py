"""Tolerations and the spread of pods over nodes."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cms_operator.api.labels import LabelSelector
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import LabelKey, LabelValue


def _key_unless_exists(toleration: Any) -> bool:
    return toleration.key is not None or toleration.operator == "Exists"


def _value_only_for_equal(toleration: Any) -> bool:
    return toleration.value is None or toleration.operator == "Equal"


def _seconds_only_for_no_execute(toleration: Any) -> bool:
    return toleration.toleration_seconds is None or toleration.effect == "NoExecute"


class Toleration(Model):
    key: LabelKey | None = None
    """Key of the taint; absent, with the operator Exists, means every taint."""

    operator: Literal["Equal", "Exists"] = "Equal"
    """Equal compares the value, Exists does not (default Equal)."""

    value: LabelValue | None = None
    """Value of the taint, for Equal."""

    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; absent means every effect."""

    toleration_seconds: Annotated[int, Field(ge=0, le=86_400)] | None = None
    """Seconds that a pod stays when a NoExecute taint appears; absent means for ever."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.key) || self.operator == 'Exists'",
            message="is required unless the operator is Exists",
            holds=_key_unless_exists,
            field="key",
            reason="FieldValueRequired",
        ),
        Rule(
            cel="!has(self.value) || self.operator == 'Equal'",
            message="is only for the operator Equal",
            holds=_value_only_for_equal,
            field="value",
            reason="FieldValueForbidden",
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            message="is only for the effect NoExecute",
            holds=_seconds_only_for_no_execute,
            field="tolerationSeconds",
            reason="FieldValueForbidden",
        ),
    )


def _domains_only_when_strict(constraint: Any) -> bool:
    return constraint.min_domains is None or constraint.when_unsatisfiable == "DoNotSchedule"


class SpreadConstraint(Model):
    max_skew: Annotated[int, Field(ge=1, le=1000)] = 1
    """Most pods that one place may have more than another (default 1)."""

    topology_key: LabelKey
    """Label of nodes that says which of them are one place, such as
    topology.kubernetes.io/zone."""

    when_unsatisfiable: Literal["ScheduleAnyway", "DoNotSchedule"] = "ScheduleAnyway"
    """ScheduleAnyway is a preference, DoNotSchedule a demand (default ScheduleAnyway)."""

    label_selector: LabelSelector | None = None
    """Pods to count (default: those of the same revision)."""

    min_domains: Annotated[int, Field(ge=1, le=1000)] | None = None
    """Fewest places to count, for DoNotSchedule."""

    node_affinity_policy: Literal["Honor", "Ignore"] | None = None
    """Whether only nodes that the pod's affinity allows count (Kubernetes' default: Honor)."""

    node_taints_policy: Literal["Honor", "Ignore"] | None = None
    """Whether only nodes whose taints the pod tolerates count (Kubernetes' default: Ignore)."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
            message="is only for whenUnsatisfiable: DoNotSchedule",
            holds=_domains_only_when_strict,
            field="minDomains",
            reason="FieldValueForbidden",
        ),
    )


def _spreads_differ(constraints: Any) -> bool:
    kinds = [(found.topology_key, found.when_unsatisfiable) for found in constraints]
    return len(set(kinds)) == len(kinds)


SPREADS_DIFFER = Rule(
    cel=(
        "self.all(a, self.exists_one(b, "
        "a.topologyKey == b.topologyKey && a.whenUnsatisfiable == b.whenUnsatisfiable))"
    ),
    message="no two may have the same topologyKey and whenUnsatisfiable",
    holds=_spreads_differ,
)
