"""Which revision is wanted: the one of the spec, unless somebody has asked for another.

A restart gives the revision of the spec another name and new pods; a rollback sets it aside.
Both are kept in the status, and end when the spec asks for something else.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from cms_operator.api.annotations import Verb
from cms_operator.api.status import PinStatus, RequestStatus, RestartStatus, Status
from cms_operator.observed.schema import Schemas, can_run, why_not
from cms_operator.observed.snapshot import Request
from cms_operator.rollout.requests import answered, unanswered
from cms_operator.rollout.transitions import is_in_flight, stamp

# The name of the spec's revision, restarted by a value or not.
Named = Callable[[str | None], str]


@dataclass(frozen=True, slots=True)
class WantedRevision:
    """`revision` is that of the spec, with its restart; `target` the one that is wanted."""

    revision: str
    restart: RestartStatus | None = None
    pin: PinStatus | None = None
    answers: tuple[RequestStatus, ...] = ()

    @property
    def target(self) -> str:
        return self.pin.to_revision if self.pin else self.revision


@dataclass(frozen=True, slots=True)
class Situation:
    """What a request is judged by; `known` are the revisions that are on record, `spec_hash` is of
    what the spec asks for beside the sources.
    """

    before: Status
    named: Named
    spec_hash: Callable[[], str]
    known: Collection[str]
    now: datetime
    schemas: Schemas = field(default_factory=Schemas)


def unchanged(before: Status) -> WantedRevision:
    """What was wanted last, for while the spec's revision cannot be known."""
    revision = before.updated_revision or before.stable_revision or ""
    return WantedRevision(revision, before.restart, before.pin)


def wanted_revision(found: Situation, requests: Iterable[Request]) -> WantedRevision:
    """What is wanted after all requests about it that were not answered before."""
    wanted = _standing(found)
    for request in unanswered(requests, found.before.rollout):
        if found.before.stable_revision is None:
            wanted = _refused(wanted, request, "there was no stable revision yet")
        elif request.verb in _TAKEN_UP:
            wanted = _TAKEN_UP[request.verb](wanted, request, found)
    return wanted


def _standing(found: Situation) -> WantedRevision:
    """What was asked for earlier and still belongs to the spec."""
    before, base = found.before, found.named(None)
    restart = before.restart if before.restart and before.restart.revision == base else None
    revision = found.named(restart.value) if restart else base
    return WantedRevision(revision, restart, _pinned(found, revision))


def _pinned(found: Situation, revision: str) -> PinStatus | None:
    """The rollback, while the spec asks for what was taken back. Other source Secrets give that
    another name, which is no reason to release it again.
    """
    pin = found.before.pin
    if pin is None or pin.from_revision == revision:
        return pin
    same = pin.spec_hash == found.spec_hash()
    return pin.model_copy(update={"from_revision": revision}) if same else None


def rollback_refusal(wanted: WantedRevision, request: Request, found: Situation) -> str:
    """Why a rollback makes no sense; empty where it does."""
    to = request.destination
    if not to:
        return "a rollback needs FROM:TO"
    if request.revision != wanted.revision:
        return f"the spec asks for revision {wanted.revision}"
    if to == wanted.revision:
        return "the spec asks for it already; retry ends a rollback"
    if wanted.pin and wanted.pin.to_revision == to:
        return "it is rolled back to this revision already"
    if to not in found.known:
        return f"there is no revision {to}; status.revisions lists those that are kept"
    return "" if can_run(found.schemas, to) else why_not(found.schemas, to)


def _roll_back(wanted: WantedRevision, request: Request, found: Situation) -> WantedRevision:
    if why := rollback_refusal(wanted, request, found):
        return _refused(wanted, request, why)
    to = request.destination
    pin = PinStatus(
        from_revision=wanted.revision,
        to_revision=to,
        by=request.by,
        since=stamp(found.now),
        spec_hash=found.spec_hash(),
    )
    return _done(replace(wanted, pin=pin), request, f"rolled back to {to}")


def restart_refusal(wanted: WantedRevision, request: Request, base: str, before: Status) -> str:
    """Why a restart makes no sense; empty where it does. It is a release, of what has passed."""
    if request.revision not in (wanted.revision, base):
        return f"the spec asks for revision {wanted.revision}"
    if wanted.pin:
        return f"the rollback to {wanted.pin.to_revision} holds; retry ends it"
    if before.stable_revision != wanted.revision:
        under_way = is_in_flight(before.rollout)
        return "a rollout is under way" if under_way else "it is not stable; retry begins it anew"
    return ""


def _restart(wanted: WantedRevision, request: Request, found: Situation) -> WantedRevision:
    base = found.named(None)
    if why := restart_refusal(wanted, request, base, found.before):
        return _refused(wanted, request, why)
    revision = found.named(request.value)
    restart = RestartStatus(revision=base, value=request.value, by=request.by)
    restarted = replace(wanted, revision=revision, restart=restart)
    return _done(restarted, request, f"released anew as revision {revision}")


def _retry(wanted: WantedRevision, request: Request, _: Situation) -> WantedRevision:
    """What the spec asks for is tried again; any other retry is the rollout's affair."""
    if wanted.pin is None or request.revision != wanted.revision:
        return wanted
    outcome = f"the rollback to {wanted.pin.to_revision} is ended"
    return _done(replace(wanted, pin=None), request, outcome)


def _refused(wanted: WantedRevision, request: Request, why: str) -> WantedRevision:
    return _done(wanted, request, f"refused: {why}")


def _done(wanted: WantedRevision, request: Request, outcome: str) -> WantedRevision:
    return replace(wanted, answers=(*wanted.answers, answered(request, outcome)))


_TAKEN_UP: dict[Verb, Callable[[WantedRevision, Request, Situation], WantedRevision]] = {
    "rollback": _roll_back,
    "restart": _restart,
    "retry": _retry,
}
