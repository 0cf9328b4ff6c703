"""The steps of a rollout, as its spec lists them."""

import hashlib
import json
from math import inf

from cms_operator.api.rollout import BlueGreen, Canary, CanaryStep, Rollout, Strategy, seconds
from cms_operator.rollout.capacity import FULL

_HASH_LENGTH = 10
# A BlueGreen has one: the switch, which it waits for as long as a pause lasts.
SWITCH = 1


def canary_steps(rollout: Rollout, strategy: Strategy) -> tuple[CanaryStep, ...]:
    return (rollout.canary or Canary()).steps if strategy == "Canary" else ()


def count(rollout: Rollout, strategy: Strategy) -> int:
    return SWITCH if strategy == "BlueGreen" else len(canary_steps(rollout, strategy))


def hash_of(rollout: Rollout, strategy: Strategy) -> str:
    plain = [step.to_json() for step in canary_steps(rollout, strategy)]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:_HASH_LENGTH]


def weight_at(steps: tuple[CanaryStep, ...], index: int) -> int:
    """Percentage for the candidate at a step: what was set last, and all of it after the end."""
    if index >= len(steps):
        return FULL
    weights = [step.set_weight for step in steps[: index + 1] if step.set_weight is not None]
    return weights[-1] if weights else 0


def blue_green(rollout: Rollout) -> BlueGreen:
    return rollout.blue_green or BlueGreen()


def pause_at(rollout: Rollout, strategy: Strategy, index: int) -> float | None:
    """Seconds that the step waits, infinity where it waits for a person, None for no pause."""
    if index >= count(rollout, strategy):
        return None
    if strategy == "BlueGreen":
        settings = blue_green(rollout)
        return settings.auto_promotion_seconds if settings.auto_promotion_enabled else inf
    pause = canary_steps(rollout, strategy)[index].pause
    if pause is None:
        return None
    return inf if pause.duration is None else seconds(pause.duration)
