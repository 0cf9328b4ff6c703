"""What the store keeps of an object."""

from cms_operator.api.objects import Object
from cms_operator.cluster.belonging import owner_references
from cms_operator.cluster.kinds import (
    AUTOSCALER,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    ENDPOINT_SLICE,
    JOB,
    POD,
    SECRET,
    Kind,
)
from cms_operator.observed.endpoints import SERVICE_LABEL, takes_traffic
from cms_operator.observed.family import NO_CONTENT
from cms_operator.observed.jobs import JOB_LABEL
from cms_operator.resources import labels
from cms_operator.resources.secrets.secret_data import digest

DIGEST = "digest"
_DEPLOYMENT_CONDITIONS = {"Progressing": "reason", "ReplicaFailure": "message"}
# Other conditions come and go while a pod starts, and each would be news.
_POD_CONDITIONS = {
    ("Ready", "True"): ("lastTransitionTime",),
    ("PodScheduled", "False"): ("reason", "message"),
}
_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
)
# Each may be as long as an object can be: of that others write, only what is read is kept.
_LABELS = (
    labels.INSTANCE,
    labels.MANAGED_BY,
    labels.COMPONENT,
    labels.REVISION,
    SERVICE_LABEL,
    JOB_LABEL,
)
_MOST_FINALIZERS = 5
# Each pod that comes or goes changes their status, and no decision reads it.
_STATUS_UNREAD = (AUTOSCALER, DISRUPTION_BUDGET)
# A Job cannot be changed, so none is compared with what is asked for.
_SPEC_UNREAD = (JOB,)


def trim(kind: Kind, found: Object) -> Object:
    """Drop what no decision reads: it is most of the memory, and most of the news."""
    if kind is POD:
        return {"metadata": _metadata(found), "status": _pod_status(found)}
    if kind is ENDPOINT_SLICE:
        return {"metadata": _metadata(found), "endpoints": _endpoints(found)}
    metadata = {k: v for k, v in found["metadata"].items() if k != "managedFields"}
    if kind is DEPLOYMENT:
        return {**found, "metadata": metadata, "status": _deployment_status(found)}
    unread = "status" if kind in _STATUS_UNREAD else "spec" if kind in _SPEC_UNREAD else None
    return {**{key: value for key, value in found.items() if key != unread}, "metadata": metadata}


def without_content(kind: Kind, found: Object) -> Object:
    """What is kept of an object that is no child, or not yet known to be one: that its name is
    taken, by whom, and what keeps it from ending.
    """
    metadata = found["metadata"]
    owners = owner_references(metadata)
    kept = {
        **_metadata(found),
        **({"ownerReferences": owners} if owners else {}),
        "finalizers": [*(metadata.get("finalizers") or ())][:_MOST_FINALIZERS],
    }
    return {
        "metadata": kept,
        NO_CONTENT: True,
        **({DIGEST: digest(found)} if kind is SECRET else {}),
    }


def _metadata(found: Object) -> Object:
    metadata = found["metadata"]
    given = metadata.get("labels") or {}
    return {**_only(metadata, _METADATA), "labels": _only(given, _LABELS)}


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


def _endpoints(found: Object) -> list[Object]:
    """The endpoints that get traffic: a pod that starts or ends is no news."""
    return [
        {
            "conditions": endpoint.get("conditions") or {},
            "targetRef": _only(endpoint.get("targetRef") or {}, ("name",)),
        }
        for endpoint in found.get("endpoints") or []
        if takes_traffic(endpoint)
    ]


def _pod_status(pod: Object) -> Object:
    status = pod.get("status") or {}
    return {
        "phase": status.get("phase"),
        "podIP": status.get("podIP"),
        "startTime": status.get("startTime"),
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
