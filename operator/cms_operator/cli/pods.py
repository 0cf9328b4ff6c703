"""One line for a pod."""

from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.cli.text import BAD, BUSY, GOOD, age, count


def row(pod: Object, now: datetime) -> list[str]:
    """Status, ready containers, age, restarts."""
    containers = pod["status"].get("containerStatuses") or []
    ready = sum(bool(found.get("ready")) for found in containers)
    restarts = sum(int(found.get("restartCount", 0)) for found in containers)
    word = _word(pod, containers)
    total = len(pod["spec"].get("containers") or containers)
    return [
        f"{_mark(word, ready=ready >= total)} {word}",
        f"{ready}/{total}",
        age(pod["metadata"].get("creationTimestamp"), now),
        count(restarts, "restart"),
    ]


def _word(pod: Object, containers: list[Object]) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for found in containers:
        state = found.get("state") or {}
        reason = (state.get("waiting") or state.get("terminated") or {}).get("reason")
        if reason:
            return str(reason)
    return str(pod["status"].get("phase", "Unknown"))


def _mark(word: str, *, ready: bool) -> str:
    if word == "Running" and ready:
        return GOOD
    return BUSY if word in ("Running", "Pending", "ContainerCreating", "Terminating") else BAD
