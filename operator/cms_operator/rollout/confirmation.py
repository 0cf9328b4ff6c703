"""Which acts cannot be taken back and need a live read before them, and which need a record."""

from cms_operator.api.status import RolloutStatus
from cms_operator.observed.family import Family
from cms_operator.observed.snapshot import RouteState
from cms_operator.resources import labels
from cms_operator.rollout.decision import Decision


def shifts(decision: Decision, seen: RouteState | None) -> bool:
    """The route is to send requests elsewhere than now."""
    traffic = decision.traffic
    if traffic is None or seen is None:
        return False
    return (traffic.preview, traffic.weight, traffic.opened) != (
        seen.preview, seen.weight, seen.opened
    )  # fmt: skip


def takes_away(decision: Decision, family: Family, service: str) -> bool:
    """Pods are removed, or the Service is narrowed to another revision than now."""
    deployments = family.by_revision("Deployment")
    smaller = any(
        name in deployments and size < deployments[name]["spec"].get("replicas", 1)
        for name, size in decision.sizes.items()
    )
    selector = (family.of_kind("Service").get(service) or {"spec": {}})["spec"].get("selector")
    return smaller or decision.active not in (None, (selector or {}).get(labels.REVISION))


def is_a_turn(stable: str | None, progress: RolloutStatus | None, decision: Decision) -> bool:
    """The rollout stands elsewhere than the status says.

    Its acts may destroy what led to it, such as pods that have crashed, and what is made for one
    step is too much for the one before: an operator that dies after them must find where they lead
    to.
    """
    return stable != decision.stable or _place(progress) != _place(decision.progress)


def _place(progress: RolloutStatus | None) -> tuple[str, str, int] | None:
    if progress is None:
        return None
    return progress.revision, progress.phase, progress.current_step_index
