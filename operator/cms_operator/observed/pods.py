"""How far a pod has come: whether it starts, serves, lives on or has ended."""

from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.observed.conditions import condition_of


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
