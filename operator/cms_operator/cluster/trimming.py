"""What the store keeps of an object."""

from cms_operator.api.objects import Object
from cms_operator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ENDPOINT_SLICE,
    HEADLESS_CMS,
    JOB,
    POD,
    SECRET,
    Kind,
)
from cms_operator.resources import names
from cms_operator.resources.secret_data import digest
from cms_operator.rollout.observe import takes_traffic

DIGEST = "digest"
_DEPLOYMENT_CONDITIONS = {"Progressing": "reason", "ReplicaFailure": "message"}
# Other conditions come and go while a pod starts, and each would be news.
_POD_CONDITIONS = {
    ("Ready", "True"): ("lastTransitionTime",),
    ("PodScheduled", "False"): ("reason", "message"),
}
_POD_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "labels",
    "creationTimestamp",
    "deletionTimestamp",
)
_STRANGERS_METADATA = (*_POD_METADATA, "ownerReferences", "finalizers")
# Each pod that comes or goes changes their status, and no decision reads it.
_STATUS_UNREAD = (AUTOSCALER, DISRUPTION_BUDGET)
# A Job cannot be changed, so none is compared with what is asked for.
_SPEC_UNREAD = (JOB,)


def trim(kind: Kind, found: Object) -> Object:
    """Drop what no decision reads: it is most of the memory, and most of the news.

    Anybody may put our labels on an object of their own: of that only the name is kept.
    """
    metadata = {k: v for k, v in found["metadata"].items() if k != "managedFields"}
    if kind is POD:
        return {"metadata": _only(metadata, _POD_METADATA), "status": _pod_status(found)}
    if kind is ENDPOINT_SLICE:
        return {"metadata": _slice_metadata(metadata), "endpoints": _endpoints(found)}
    if kind.writable and not _is_child(kind, metadata):
        told = {DIGEST: digest(found)} if kind is SECRET else {}
        return {"metadata": _only(metadata, _STRANGERS_METADATA), **told}
    if kind is DEPLOYMENT:
        return {**found, "metadata": metadata, "status": _deployment_status(found)}
    unread = "status" if kind in _STATUS_UNREAD else "spec" if kind in _SPEC_UNREAD else None
    return {**{key: value for key, value in found.items() if key != unread}, "metadata": metadata}


def _is_child(kind: Kind, metadata: Object) -> bool:
    """Whether a HeadlessCMS owns it; a Secret must also be one that the operator makes.

    Children of other kinds that nobody asks for are deleted: by the operator, or by the garbage
    collector where the owner is not there.
    """
    owner = owner_of(metadata)
    if owner is None or kind is not SECRET:
        return owner is not None
    made = (names.jwt_secret(owner), names.database_secret(owner), names.admin_secret(owner))
    return metadata["name"] in made


def _only(metadata: Object, wanted: tuple[str, ...]) -> Object:
    return {key: metadata[key] for key in wanted if key in metadata}


def _deployment_status(deployment: Object) -> Object:
    status = deployment.get("status") or {}
    counts = ("observedGeneration", "replicas", "readyReplicas", "availableReplicas")
    return {
        **{key: status[key] for key in counts if key in status},
        "conditions": [
            {key: condition.get(key) for key in ("type", "status", word)}
            for condition in status.get("conditions") or []
            if (word := _DEPLOYMENT_CONDITIONS.get(condition["type"]))
        ],
    }


def _slice_metadata(metadata: Object) -> Object:
    """Leave out the time of the last change, which an annotation tells."""
    return {k: v for k, v in metadata.items() if k not in ("annotations", "generation")}


def _endpoints(found: Object) -> list[Object]:
    """The endpoints that get traffic: a pod that starts or ends is no news."""
    return [endpoint for endpoint in found.get("endpoints") or [] if takes_traffic(endpoint)]


def _pod_status(pod: Object) -> Object:
    status = pod.get("status") or {}
    return {
        "phase": status.get("phase"),
        "podIP": status.get("podIP"),
        "conditions": [
            {key: condition.get(key) for key in ("type", "status", *read)}
            for condition in status.get("conditions") or []
            if (read := _POD_CONDITIONS.get((condition["type"], condition.get("status"))))
        ],
        "containerStatuses": [
            {
                "ready": container.get("ready"),
                "restartCount": container.get("restartCount", 0),
                "state": container.get("state") or {},
                "lastState": container.get("lastState") or {},
            }
            for container in status.get("containerStatuses") or []
        ],
    }


def owner_of(metadata: Object) -> str | None:
    """The name of the HeadlessCMS that is its controller."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner["kind"] == HEADLESS_CMS.name:
            return str(owner["name"])
    return None
