"""The steps of a release in words, with the pods that they come to."""

from math import inf

from cms_operator.api.fields.rollout import CanaryScale, CanaryStep, Rollout, Strategy
from cms_operator.api.spec import Spec
from cms_operator.cli.text import count
from cms_operator.observed.snapshot import FULL
from cms_operator.rollout import steps
from cms_operator.rollout.capacity import limits, routed_split, split


def steps_of(rollout: Rollout, strategy: Strategy) -> list[str]:
    return [_step(rollout, strategy, index) for index in range(steps.count(rollout, strategy))]


def _step(rollout: Rollout, strategy: Strategy, index: int) -> str:
    if (analysis := steps.analysis_at(rollout, strategy, index)) is not None:
        return f"analysis of {analysis.count} measurements"
    pause = steps.pause_at(rollout, strategy, index)
    if strategy == "BlueGreen":
        return "switch" if pause == 0 else f"switch {_wait(pause, 'after')}"
    step = steps.canary_steps(rollout, strategy)[index]
    if step.set_weight is not None:
        return f"setWeight {step.set_weight}"
    if step.set_canary_scale is not None:
        return f"setCanaryScale {_scale(step.set_canary_scale)}"
    return f"pause {_wait(pause, 'for')}"


def _scale(scale: CanaryScale) -> str:
    if scale.replicas is not None:
        return f"replicas {scale.replicas}"
    return "matchTrafficWeight" if scale.weight is None else f"weight {scale.weight}"


def with_pods(spec: Spec) -> list[str]:
    """What each step comes to, for the spec's own strategy and n."""
    strategy = spec.rollout.strategy
    words = steps_of(spec.rollout, strategy)
    if strategy == "BlueGreen":
        return [f"{spec.wanted_pods} pods behind the preview Service", *words]
    found = steps.canary_steps(spec.rollout, strategy)
    for index, step in enumerate(found):
        if step.set_weight is not None or step.set_canary_scale is not None:
            share = (_by_route if spec.has_gateway else _by_ratio)(spec, found, index)
            words[index] += f": {share}"
    return words


def _by_ratio(spec: Spec, found: tuple[CanaryStep, ...], index: int) -> str:
    rollout, n = spec.rollout, spec.wanted_pods
    surge = limits(rollout.max_surge, rollout.max_unavailable, n).surge
    share = split(n, steps.weight_at(found, index), surge)
    total = share.candidate + share.stable
    return f"{share.candidate} of {total} pods, {round(share.weight)} %"


def _by_route(spec: Spec, found: tuple[CanaryStep, ...], index: int) -> str:
    weight, scale = steps.weight_at(found, index), steps.scale_at(found, index)
    share = routed_split(spec.wanted_pods, weight, scale, autoscaled=spec.autoscaling is not None)
    # With all the weight gone, stable is kept warm.
    stable = spec.wanted_pods if weight == FULL else share.stable
    exact = "" if found[index].set_weight is None else f"{weight} % by the gateway, "
    return f"{exact}{count(share.candidate, 'pod')} beside {stable} stable"


def _wait(pause: float | None, how: str) -> str:
    return "until promoted" if pause in (None, inf) else f"{how} {pause:.0f} s"
