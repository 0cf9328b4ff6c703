"""What happened between two moments, from what pods had counted at each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Counts:
    """`within` has the answers that took at most so many microseconds; `timed` all of them."""

    requests: int = 0
    errors: int = 0
    timed: int = 0
    within: Mapping[int, int] = field(default_factory=dict)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.requests + other.requests,
            self.errors + other.errors,
            self.timed + other.timed,
            _added(self, other),
        )

    def since(self, earlier: "Counts") -> "Counts":
        """What has come since; all of it where a counter has gone back, which a new process does.

        What the old process counted after the earlier moment is lost.
        """
        within = {bound: self.within[bound] - earlier.within.get(bound, 0) for bound in self.within}
        grown = Counts(
            self.requests - earlier.requests,
            self.errors - earlier.errors,
            self.timed - earlier.timed,
            within,
        )
        least = min(grown.requests, grown.errors, grown.timed, *within.values())
        return grown if least >= 0 else self

    def at_most(self, requests: int) -> "Counts":
        """The same shares of fewer requests; what does not come out even counts as bad."""
        timed = min(self.timed, requests)
        return Counts(
            min(self.requests, requests),
            -(-self.errors * requests // self.requests)
            if self.requests > requests
            else self.errors,
            timed,
            {bound: number * timed // max(1, self.timed) for bound, number in self.within.items()},
        )

    def slower_than(self, bound: int) -> int | None:
        """None where the histogram has no such bound."""
        return self.timed - self.within[bound] if bound in self.within else None


def _added(one: Counts, other: Counts) -> Mapping[int, int]:
    """The bounds that both sides have; a side without answers takes the other's."""
    if not one.timed or not other.timed:
        return one.within if one.timed else other.within
    return {
        bound: one.within[bound] + other.within[bound]
        for bound in one.within
        if bound in other.within
    }


@dataclass(frozen=True, slots=True)
class PodSample:
    """One pod at one moment. `process` tells one run of its container from the next."""

    uid: str
    revision: str
    ready_since: datetime
    process: tuple[int, float]
    counts: Counts = field(default_factory=Counts)
    database_up: bool = True
    cache_up: bool = True


@dataclass(frozen=True, slots=True)
class Tally:
    """What one revision did in one interval; `warm` is of those pods alone that are warmed up."""

    pods: int = 0
    counts: Counts = field(default_factory=Counts)
    warm: Counts = field(default_factory=Counts)
    without_database: int = 0
    without_cache: int = 0


@dataclass(frozen=True, slots=True)
class Opening:
    """Where an interval began: what each pod had counted."""

    at: datetime
    pods: Mapping[str, PodSample] = field(default_factory=dict)

    def followed_by(self, at: datetime, read: Iterable[PodSample], living: set[str]) -> "Opening":
        """The next opening: a pod that gave no answer this time goes on from where it was."""
        pods = {uid: found for uid, found in self.pods.items() if uid in living}
        return Opening(at, pods | {found.uid: found for found in read})


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A pod is warm so many seconds after it got ready, and after `traffic_since`."""

    seconds: int
    traffic_since: datetime | None = None

    def is_over(self, pod: PodSample, at: datetime) -> bool:
        begun = max(pod.ready_since, self.traffic_since or pod.ready_since)
        return begun + timedelta(seconds=self.seconds) <= at


def tally(opening: Opening, read: Sequence[PodSample], revision: str, warm_up: WarmUp) -> Tally:
    mine = [pod for pod in read if pod.revision == revision]
    counts, warm = Counts(), Counts()
    for pod in mine:
        grown = _grown(opening, pod)
        counts += grown
        if warm_up.is_over(pod, opening.at):
            warm += grown
    return Tally(
        pods=len(mine),
        counts=counts,
        warm=warm,
        without_database=sum(not pod.database_up for pod in mine),
        without_cache=sum(not pod.cache_up for pod in mine),
    )


def _grown(opening: Opening, pod: PodSample) -> Counts:
    before = opening.pods.get(pod.uid)
    if before is None:  # it may have been there unseen: nobody knows what is new
        return pod.counts if pod.ready_since >= opening.at else Counts()
    if before.process != pod.process:
        return pod.counts
    return pod.counts.since(before.counts)
