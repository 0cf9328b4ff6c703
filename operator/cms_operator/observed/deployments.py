"""What Deployments say, as the counted state of each revision."""

from collections.abc import Iterable, Mapping

from cms_operator.api.objects import Object
from cms_operator.observed.conditions import condition_of
from cms_operator.observed.family import revision_of
from cms_operator.observed.snapshot import RevisionState


def revision_states(
    deployments: Iterable[Object], endpoints: Mapping[str, int], preview: Mapping[str, int]
) -> dict[str, RevisionState]:
    """Count each revision's pods; `endpoints` get traffic, `preview` are behind the preview."""
    states = {}
    for deployment in deployments:
        name = revision_of(deployment)
        if name is None or deployment["metadata"].get("deletionTimestamp"):
            continue
        states[name] = _state(deployment, endpoints.get(name, 0), preview.get(name, 0))
    return states


def _state(deployment: Object, endpoints: int, preview: int) -> RevisionState:
    status = deployment.get("status") or {}
    generation = deployment["metadata"].get("generation", 0)
    progressing = condition_of(status, "Progressing")
    return RevisionState(
        wanted=deployment["spec"].get("replicas", 1),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        endpoints=endpoints,
        observed=status.get("observedGeneration", 0) >= generation,
        deadline_exceeded=progressing.get("reason") == "ProgressDeadlineExceeded",
        preview=preview,
    )
