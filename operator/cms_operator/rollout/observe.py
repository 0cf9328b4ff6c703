"""What Deployments, EndpointSlices and pods say, as the counted state that decide() sees."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.resources import labels
from cms_operator.rollout.snapshot import RevisionState

SERVICE_LABEL = "kubernetes.io/service-name"


def revision_of(found: Object) -> str | None:
    return (found["metadata"].get("labels") or {}).get(labels.REVISION)


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


def serving_endpoints(
    slices: Iterable[Object], pods: Iterable[Object], service: str
) -> dict[str, int]:
    """How many ready endpoints of the Service belong to each revision."""
    revisions = {pod["metadata"]["name"]: revision_of(pod) for pod in pods}
    counted: Counter[str] = Counter()
    for found in slices:
        if (found["metadata"].get("labels") or {}).get(SERVICE_LABEL) != service:
            continue
        for endpoint in found.get("endpoints") or []:
            revision = revisions.get((endpoint.get("targetRef") or {}).get("name"))
            if revision and takes_traffic(endpoint):
                counted[revision] += 1
    return dict(counted)


def takes_traffic(endpoint: Object) -> bool:
    conditions = endpoint.get("conditions") or {}
    # The API reads an absent `ready` as true.
    return conditions.get("ready") is not False and not conditions.get("terminating")


def has_started(pod: Object) -> bool:
    return bool(pod["status"].get("phase") != "Pending")


def is_serving(pod: Object) -> bool:
    """The pod has an address and is ready, and nobody has asked it to go."""
    status = pod["status"]
    leaving = pod["metadata"].get("deletionTimestamp") is not None
    return not leaving and bool(status.get("podIP")) and _is_ready(status)


def ready_since(pod: Object) -> datetime:
    """When a pod that is ready became so."""
    return datetime.fromisoformat(condition_of(pod["status"], "Ready")["lastTransitionTime"])


def is_starting(pod: Object) -> bool:
    """The pod is on its way to serve."""
    leaving = pod["metadata"].get("deletionTimestamp") is not None
    ended = pod["status"].get("phase") in ("Succeeded", "Failed")
    return not leaving and not ended and not is_serving(pod)


def _is_ready(status: Object) -> bool:
    return condition_of(status, "Ready").get("status") == "True"


def is_alive(pod: Object) -> bool:
    """The pod's containers run, or may yet."""
    return pod["status"].get("phase") not in ("Succeeded", "Failed")


def has_succeeded(pod: Object) -> bool:
    return bool(pod["status"].get("phase") == "Succeeded")


def condition_of(status: Object, kind: str) -> Object:
    for condition in status.get("conditions") or []:
        if condition["type"] == kind:
            found: Object = condition
            return found
    return {}
