"""Following the load with a HorizontalPodAutoscaler."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import Rule

_Pods = Annotated[int, Field(ge=1, le=1000)]
_Utilization = Annotated[int, Field(ge=0, le=1000)]
_Window = Annotated[int, Field(ge=0, le=3600)]
_SelectPolicy = Literal["Max", "Min", "Disabled"]


class ScalingPolicy(Model):
    type: Literal["Pods", "Percent"]
    """What the value counts: Pods, or Percent of the present pods."""

    value: Annotated[int, Field(ge=1, le=1000)]
    """Most change within one period."""

    period_seconds: Annotated[int, Field(ge=1, le=1800)]
    """Length of the period in seconds."""


_Policies = Annotated[tuple[ScalingPolicy, ...], Field(min_length=1, max_length=5)]


class ScaleDown(Model):
    stabilization_window_seconds: _Window = 300
    """Seconds over which the highest recommendation counts (default 300)."""

    select_policy: _SelectPolicy = "Max"
    """Which policy wins: Max (the greatest change), Min, or Disabled for no scaling down
    (default Max)."""

    policies: _Policies = (ScalingPolicy(type="Percent", value=50, period_seconds=60),)
    """Limits on the pace (default 50 percent per 60 seconds)."""


class ScaleUp(Model):
    stabilization_window_seconds: _Window = 0
    """Seconds over which the lowest recommendation counts (default 0)."""

    select_policy: _SelectPolicy = "Max"
    """Which policy wins: Max (the greatest change), Min, or Disabled for no scaling up
    (default Max)."""

    policies: _Policies = (
        ScalingPolicy(type="Percent", value=100, period_seconds=15),
        ScalingPolicy(type="Pods", value=2, period_seconds=15),
    )
    """Limits on the pace (default the greater of 100 percent and 2 pods per 15 seconds)."""


class Behavior(Model):
    scale_down: ScaleDown = ScaleDown()
    """How fast pods are taken away."""

    scale_up: ScaleUp = ScaleUp()
    """How fast pods are added."""


class Autoscaling(Model):
    min_replicas: _Pods = 3
    """Fewest pods (default 3)."""

    max_replicas: _Pods = 10
    """Most pods (default 10)."""

    target_cpu_utilization_percentage: Annotated[
        _Utilization, Field(alias="targetCPUUtilizationPercentage")
    ] = 70
    """Mean CPU use to aim at, in percent of the request; 0 leaves CPU out (default 70)."""

    target_memory_utilization_percentage: _Utilization = 80
    """Mean memory use to aim at, in percent of the request; 0 leaves memory out (default 80)."""

    behavior: Behavior = Behavior()
    """How fast pods come and go."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="self.minReplicas <= self.maxReplicas",
            message="must be at least autoscaling.minReplicas",
            holds=lambda autoscaling: autoscaling.min_replicas <= autoscaling.max_replicas,
            field="maxReplicas",
        ),
        Rule(
            cel="self.targetCPUUtilizationPercentage + self.targetMemoryUtilizationPercentage > 0",
            message="CPU or memory must have a target above 0",
            holds=lambda autoscaling: (
                autoscaling.target_cpu_utilization_percentage
                + autoscaling.target_memory_utilization_percentage
                > 0
            ),
        ),
    )
