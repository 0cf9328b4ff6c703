"""The steps of a rollout, as its spec lists them."""

import hashlib
import json
from math import inf

from cms_operator.api.fields.analysis import AnalysisStep
from cms_operator.api.fields.rollout import (
    BlueGreen,
    Canary,
    CanaryScale,
    CanaryStep,
    Rollout,
    Strategy,
    seconds,
)
from cms_operator.api.status import RolloutStatus
from cms_operator.observed.snapshot import FULL

_HASH_LENGTH = 10
# A BlueGreen has one step: the pause before the switch. An analysis may come before it.
SWITCH = 1


def canary_steps(rollout: Rollout, strategy: Strategy) -> tuple[CanaryStep, ...]:
    return (rollout.canary or Canary()).steps if strategy == "Canary" else ()


def count(rollout: Rollout, strategy: Strategy) -> int:
    if strategy == "BlueGreen":
        return SWITCH + (blue_green(rollout).pre_promotion_analysis is not None)
    return len(canary_steps(rollout, strategy))


def hash_of(rollout: Rollout, strategy: Strategy) -> str:
    plain = [step.to_json() for step in canary_steps(rollout, strategy)]
    if strategy == "BlueGreen" and (before := blue_green(rollout).pre_promotion_analysis):
        plain = [{"analysis": before.to_json()}]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:_HASH_LENGTH]


def weight_at(steps: tuple[CanaryStep, ...], index: int) -> int:
    """Percentage for the candidate at a step: what was set last, and all of it after the end."""
    if index >= len(steps):
        return FULL
    until = _last_of_one_act(steps, index) + 1
    weights = [step.set_weight for step in steps[:until] if step.set_weight is not None]
    return weights[-1] if weights else 0


def scale_at(steps: tuple[CanaryStep, ...], index: int) -> CanaryScale | None:
    """What was set last for the candidate's pods; None where they follow the weight."""
    until = _last_of_one_act(steps, index) + 1
    scales = [step.set_canary_scale for step in steps[:until] if step.set_canary_scale]
    if index >= len(steps) or not scales or scales[-1].match_traffic_weight:
        return None
    return scales[-1]


def _last_of_one_act(steps: tuple[CanaryStep, ...], index: int) -> int:
    """A scale and the weight after it are set together: pods of the old weight would be taken from
    those who use the candidate, only to be made again.
    """
    while index + 1 < len(steps) and steps[index].set_canary_scale and _sets(steps[index + 1]):
        index += 1
    return index


def _sets(step: CanaryStep) -> bool:
    return step.set_weight is not None or step.set_canary_scale is not None


def blue_green(rollout: Rollout) -> BlueGreen:
    return rollout.blue_green or BlueGreen()


def pause_at(rollout: Rollout, strategy: Strategy, index: int) -> float | None:
    """Seconds that the step waits, infinity where it waits for a person, None for no pause."""
    if index >= count(rollout, strategy):
        return None
    if analysis_at(rollout, strategy, index) is not None:
        return None
    if strategy == "BlueGreen":
        settings = blue_green(rollout)
        return settings.auto_promotion_seconds if settings.auto_promotion_enabled else inf
    pause = canary_steps(rollout, strategy)[index].pause
    if pause is None:
        return None
    return inf if pause.duration is None else seconds(pause.duration)


def analysis_at(rollout: Rollout, strategy: Strategy, index: int) -> AnalysisStep | None:
    """The analysis that the step waits for, if it is one."""
    if index >= count(rollout, strategy):
        return None
    if strategy == "BlueGreen":
        return blue_green(rollout).pre_promotion_analysis if index == 0 else None
    return canary_steps(rollout, strategy)[index].analysis


def bake_analysis(rollout: Rollout, strategy: Strategy) -> AnalysisStep | None:
    """What the bake waits for besides its time."""
    return blue_green(rollout).post_promotion_analysis if strategy == "BlueGreen" else None


def least_samples(rollout: Rollout, progress: RolloutStatus, step: AnalysisStep) -> int:
    if step.min_samples is not None:
        return step.min_samples
    unseen = progress.strategy == "BlueGreen" and progress.phase == "Analyzing"
    return 0 if unseen else rollout.judged_by.min_samples


def is_measured(rollout: Rollout, strategy: Strategy) -> bool:
    """Something of this rollout is judged: then stable is measured from its beginning."""
    return (
        rollout.judged_by.enabled
        or bake_analysis(rollout, strategy) is not None
        or any(
            analysis_at(rollout, strategy, index) is not None
            for index in range(count(rollout, strategy))
        )
    )


def is_judged_now(rollout: Rollout, progress: RolloutStatus) -> bool:
    """Whether the candidate is judged at this moment, in the background or for a step."""
    strategy, index = progress.strategy, progress.current_step_index
    if progress.phase == "Analyzing":
        return True
    if progress.phase == "Baking" and bake_analysis(rollout, strategy) is not None:
        return True
    begun = strategy != "Canary" or index >= min(rollout.judged_by.starting_step, progress.steps)
    return rollout.judged_by.enabled and begun
