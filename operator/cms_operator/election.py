"""Who leads: the rules of client-go's leader election, as functions of values.

A process compares the times in a Lease with no clock. It counts by its own, which never jumps,
from when it last saw the Lease change; the leader counts from before it sent its last renewal,
and so its time is over before another's begins.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Any

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timing:
    """`lease`: seconds without a renewal after which another may lead. The rest follows from it.

    With 15 they are those of Kubernetes' own controllers: renewed each 2 s, given up after 10 s.
    """

    lease: int

    @property
    def retry(self) -> float:
        return self.lease * 2 / 15

    @property
    def renew_deadline(self) -> float:
        """Seconds after a renewal in which its holder may begin a write."""
        return self.lease * 2 / 3

    @property
    def write_deadline(self) -> float:
        """Seconds after a renewal at which no write may be under way; clocks run apart a little."""
        return self.lease * 14 / 15

    @property
    def request(self) -> float:
        """Seconds for one renewal: one that hangs leaves time for another."""
        return self.lease / 3


@dataclass(frozen=True, slots=True)
class View:
    """The Lease as it was seen last; `since` is when it was first seen so, by the own clock.

    `version` is its resourceVersion, None where there is no Lease. One that somebody has deleted
    counts as if its holder went on.
    """

    spec: Spec
    version: int | None
    since: float

    @property
    def holder(self) -> str:
        return str(self.spec.get("holderIdentity") or "")

    def held_by(self, identity: str) -> bool:
        return self.version is not None and self.holder == identity

    @property
    def expires(self) -> float:
        return self.since + float(self.spec.get("leaseDurationSeconds") or 0)


def see(before: View | None, spec: Spec | None, version: int | None, now: float) -> View:
    """Take in what was read; `spec` is None where there is no Lease. Late news changes nothing."""
    known = before and before.version
    if before and known and version is not None and version < known:
        return before
    if spec is None:
        return replace(before, version=None) if before else View({}, None, now)
    if before is None or before.spec != spec:
        return View(spec, version, now)
    return replace(before, version=version)


@dataclass(frozen=True, slots=True)
class Candidate:
    """`renewed`: when the renewal was sent that holds, None for who does not lead.

    `tried`: when the last one was sent, whatever became of it.
    """

    identity: str
    renewed: float | None = None
    tried: float = field(default=-math.inf)


class Act(Enum):
    WAIT = "wait"
    CLAIM = "claim"
    GIVE_UP = "give up"


@dataclass(frozen=True, slots=True)
class NextAct:
    """What to do now; with WAIT, until `until` or until there is news."""

    act: Act
    until: float = 0.0


def next_act(view: View, me: Candidate, timing: Timing, now: float) -> NextAct:
    if me.renewed is not None:
        over = me.renewed + timing.renew_deadline
        taken = view.version is not None and view.holder != me.identity
        if taken or now >= over:
            return NextAct(Act.GIVE_UP)
        due = min(over, me.tried + timing.retry)
    else:
        free = view.holder in ("", me.identity)
        due = max(me.tried + timing.retry, -math.inf if free else view.expires)
    return NextAct(Act.CLAIM) if now >= due else NextAct(Act.WAIT, due)


def claimed(view: View, identity: str, timing: Timing, wall: datetime) -> dict[str, Any]:
    """The fields of a Lease that its holder writes; `wall` is for people to read."""
    written = _micro_time(wall)
    spec: dict[str, Any] = {
        "holderIdentity": identity,
        "leaseDurationSeconds": timing.lease,
        "renewTime": written,
    }
    if not view.held_by(identity):
        before = view.spec.get("leaseTransitions")
        spec["acquireTime"] = written
        spec["leaseTransitions"] = 0 if before is None else before + 1
    return spec


def released(wall: datetime) -> dict[str, Any]:
    """Nobody holds it: whoever sees it so may claim it at once."""
    return {
        "holderIdentity": None,
        "leaseDurationSeconds": 1,
        "renewTime": _micro_time(wall),
    }


def _micro_time(wall: datetime) -> str:
    return wall.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
