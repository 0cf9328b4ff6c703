"""What a request is about, how it is written, and what the operator has answered."""

from typing import NamedTuple

from cms_operator.api.annotations import Verb
from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.objects import Object

_REFUSED = "refused: "


class CannotAskError(Exception):
    """A request makes no sense now; the message says why."""


class Answer(NamedTuple):
    refused: bool
    words: str


def value(verb: Verb, hcms: Object, token: str, to: str | None = None) -> str:
    """REVISION:TOKEN; the token makes it a new request. Raises CannotAskError."""
    status = hcms.get("status") or {}
    if why := _unheard(hcms, status):
        raise CannotAskError(why)
    if not status.get("stableRevision"):
        raise CannotAskError("it has no stable revision yet: its first one is still starting")
    if verb == "rollback":
        source = str(status["updatedRevision"])
        return f"{source}:{to or stable_before(status)}:{token}"
    return f"{_subject(verb, status)}:{token}"


_LEFT_ALONE = {
    Reason.INVALID_SPEC.value: "its spec cannot be used",
    Reason.CHILDREN_TOO_LARGE.value: "nothing is done for it",
}


def _unheard(hcms: Object, status: Object) -> str:
    """Why no request is looked at now: it would be carried out whenever that ends."""
    if hcms["spec"].get("suspend"):
        return "spec.suspend is true, so the operator does nothing: set it to false first"
    if status.get("observedGeneration") == hcms["metadata"].get("generation"):
        for found in status.get("conditions") or []:
            if found["type"] == ConditionType.STALLED and (why := _LEFT_ALONE.get(found["reason"])):
                return f"{why}: {found.get('message', '')}"
    return ""


def _subject(verb: Verb, status: Object) -> str:
    if verb == "restart":
        return str(status["updatedRevision"])
    pin, rollout = status.get("pin"), status.get("rollout")
    if verb == "retry" and pin:
        return str(pin["from"])
    if rollout is None:
        raise CannotAskError("there has been no rollout yet")
    return str(rollout["revision"])


def stable_before(status: Object) -> str:
    """The revision that was stable before what the spec asks for. Raises CannotAskError."""
    pin, stable = status.get("pin"), str(status["stableRevision"])
    if pin is None and stable != status["updatedRevision"]:
        return stable
    current = {status["updatedRevision"], pin and pin["to"]}
    times = {
        str(found["name"]): str(found["stableAt"])
        for found in status.get("revisions") or []
        if found.get("stableAt") and found["name"] not in current
    }
    if not times:
        raise CannotAskError("no other revision was stable before: name one with --to")
    return max(times, key=lambda name: times[name])


def answer(hcms: Object, verb: Verb, asked: str) -> Answer | None:
    for found in ((hcms.get("status") or {}).get("rollout") or {}).get("requests") or []:
        if (found["verb"], found["value"]) == (verb, asked):
            outcome, by = str(found["outcome"]), str(found.get("by", ""))
            refused = outcome.startswith(_REFUSED)
            return Answer(refused, f"{outcome.removeprefix(_REFUSED)} (asked by {by})")
    return None
