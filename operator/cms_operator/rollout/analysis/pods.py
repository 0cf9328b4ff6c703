"""What the kubelet says of the candidate's containers, as measures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cms_operator.api.fields.analysis import BuiltIn
from cms_operator.api.objects import Object
from cms_operator.observed.family import revision_of
from cms_operator.observed.pods import is_alive
from cms_operator.rollout.analysis.readings import Reading


@dataclass(frozen=True, slots=True)
class PodState:
    """`ready` is the container's, not the pod's: that of a lost node stays what it was."""

    revision: str
    ready: bool
    restarts: int
    was_ready: bool


def states(pods: Iterable[Object], before: Mapping[str, PodState]) -> dict[str, PodState]:
    found = {}
    for pod in pods:
        revision, uid = revision_of(pod), pod["metadata"]["uid"]
        containers = pod["status"].get("containerStatuses") or []
        if revision is None or pod["metadata"].get("deletionTimestamp") or not is_alive(pod):
            continue
        ready = bool(containers) and all(container["ready"] for container in containers)
        was_ready = ready or (uid in before and before[uid].was_ready)
        restarts = sum(container["restartCount"] for container in containers)
        found[uid] = PodState(revision, ready, restarts, was_ready)
    return found


def readings(
    before: Mapping[str, PodState], now: Mapping[str, PodState], candidate: str, stable: str
) -> tuple[Reading, ...]:
    """Whether the candidate's pods stop being ready or restart. What befalls stable too is not its
    fault; without pods there is nothing to say.
    """
    if not any(found.revision == candidate for found in now.values()):
        return ()
    fell = {name: _unready(now, name) for name in (candidate, stable)}
    ended = {name: _restarts(before, now, name) for name in (candidate, stable)}
    return (
        _reading(BuiltIn.READINESS, fell[candidate], fell[stable], "pods are ready no longer"),
        _reading(BuiltIn.RESTARTS, ended[candidate], ended[stable], "restarts"),
    )


def _reading(name: BuiltIn, candidate: int, stable: int, what: str) -> Reading:
    passed = True if candidate == 0 else None if stable else False
    detail = f"candidate: {candidate} {what}, stable: {stable}"
    return Reading(name, candidate, stable, passed=passed, detail=detail)


def _unready(now: Mapping[str, PodState], revision: str) -> int:
    return sum(
        found.was_ready and not found.ready for found in now.values() if found.revision == revision
    )


def _restarts(before: Mapping[str, PodState], now: Mapping[str, PodState], revision: str) -> int:
    return sum(
        max(0, found.restarts - (before[uid].restarts if uid in before else 0))
        for uid, found in now.items()
        if found.revision == revision
    )
