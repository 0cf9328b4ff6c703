"""The steps of a release in words, with the weights that whole pods give."""

from math import inf

from cms_operator.api.rollout import Rollout, Strategy
from cms_operator.rollout import steps
from cms_operator.rollout.capacity import limits, split


def steps_of(rollout: Rollout, strategy: Strategy) -> list[str]:
    return [_step(rollout, strategy, index) for index in range(steps.count(rollout, strategy))]


def _step(rollout: Rollout, strategy: Strategy, index: int) -> str:
    if (analysis := steps.analysis_at(rollout, strategy, index)) is not None:
        return f"analysis of {analysis.count} measurements"
    pause = steps.pause_at(rollout, strategy, index)
    if strategy == "BlueGreen":
        return "switch" if pause == 0 else f"switch {_wait(pause, 'after')}"
    weight = steps.canary_steps(rollout, strategy)[index].set_weight
    return f"pause {_wait(pause, 'for')}" if weight is None else f"setWeight {weight}"


def with_pods(rollout: Rollout, replicas: int) -> list[str]:
    """For the spec's own strategy and n: what each step comes to."""
    strategy = rollout.strategy
    words = steps_of(rollout, strategy)
    if strategy == "BlueGreen":
        return [f"{replicas} pods behind the preview Service", *words]
    surge = limits(rollout.max_surge, rollout.max_unavailable, replicas).surge
    for index, step in enumerate(steps.canary_steps(rollout, strategy)):
        if step.set_weight is not None:
            share = split(replicas, step.set_weight, surge)
            total = share.candidate + share.stable
            words[index] += f": {share.candidate} of {total} pods, {round(share.weight)} %"
    return words


def _wait(pause: float | None, how: str) -> str:
    return "until promoted" if pause in (None, inf) else f"{how} {pause:.0f} s"
