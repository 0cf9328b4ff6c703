"""How many pods each revision has: the split of n by a weight, and one safe act on the way to it.

Deployments only add and remove what is written here, so these two functions
are where capacity is kept: no act lowers what serves below the floor, and none asks for pods
above the ceiling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from cms_operator.api.fields.rollout import CanaryScale
from cms_operator.observed.snapshot import FULL, RevisionState
from cms_operator.resources.shares import pods_of


@dataclass(frozen=True, slots=True)
class Limits:
    """`surge`: pods above n, `unavailable`: serving pods below n, while revisions change places."""

    surge: int
    unavailable: int


@dataclass(frozen=True, slots=True)
class Split:
    candidate: int
    stable: int

    @property
    def weight(self) -> Fraction:
        """Share of the candidate in percent, if all pods serve."""
        return Fraction(FULL * self.candidate, max(1, self.candidate + self.stable))


def limits(max_surge: int | str, max_unavailable: int | str, replicas: int) -> Limits:
    """Percentages of n: surge rounds up, unavailable down, and where both are 0 one pod may go.

    As a Deployment's (k8s.io/kubernetes, ResolveFenceposts), so that a rollout never stands still.
    """
    surge = pods_of(max_surge, replicas)
    unavailable = pods_of(max_unavailable, replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Limits(surge, min(unavailable, replicas))


def split(replicas: int, weight: int, surge: int) -> Split:
    """The counts whose ratio is nearest to the weight, by Argo Rollouts' rules.

    Over n pods, and n + 1 where one may surge; of equals the one that needs no
    surge, then the larger candidate. A weight from 1 to 99 leaves both sides a
    pod, unless there is room for one pod only.
    """
    exact = replicas * weight / FULL
    options = [
        Split(candidate, total - candidate)
        for total in ((replicas, replicas + 1) if surge and 0 < weight < FULL else (replicas,))
        for candidate in (ceil(exact), floor(exact))
        if 0 <= candidate <= total
    ]
    if 0 < weight < FULL and replicas + surge > 1:
        options = [found for found in options if found.candidate and found.stable]
    return min(options, key=lambda found: abs(found.weight - weight), default=Split(0, replicas))


def routed_split(
    replicas: int, weight: int, scale: CanaryScale | None, *, autoscaled: bool
) -> Split:
    """Pods for a weight that a route sets: stable has n, the candidate as many as the weight needs.

    With autoscaling both are n together, so that a trial looks like no load of its own.
    `scale` sets the candidate's pods apart from the weight.
    """
    shared = split(replicas, weight, 0)
    candidate = shared.candidate if autoscaled else _percent_of(replicas, weight)
    if scale is not None:
        asked = scale.replicas
        candidate = min(
            _percent_of(replicas, scale.weight or 0) if asked is None else asked, replicas
        )
    fewest = min(1, replicas)
    candidate = max(candidate, fewest if weight else 0)
    if not autoscaled:
        return Split(candidate, replicas)
    return Split(
        candidate, max(shared.stable, replicas - candidate, fewest if weight < FULL else 0)
    )


def _percent_of(replicas: int, percent: int) -> int:
    return ceil(Fraction(replicas * percent, FULL))


def serving(revision: RevisionState) -> int:
    """Pods that are available and get traffic, and that nobody has asked to go."""
    return min(revision.wanted, revision.available, revision.endpoints)


def existing(revision: RevisionState) -> int:
    return max(revision.wanted, revision.current)


def next_sizes(
    revisions: Mapping[str, RevisionState],
    goal: Mapping[str, int],
    replicas: int,
    allowed: Limits,
) -> dict[str, int]:
    """One act towards the goal: sizes to write now, by revision.

    What the goal does not name goes to 0, the first of all. Growth comes in the
    goal's order, as far as the ceiling allows.
    """
    sizes = {name: found.wanted for name, found in revisions.items()}
    room = replicas + allowed.surge - sum(existing(found) for found in revisions.values())
    for name, wanted in goal.items():
        known = sizes.setdefault(name, 0)
        grown = max(0, min(wanted - known, room))
        room -= grown
        sizes[name] = known + grown
    spare = sum(serving(found) for found in revisions.values()) - replicas + allowed.unavailable
    for name in sorted(revisions, key=lambda name: (name in goal, name)):
        found = revisions[name]
        leaving = min(found.wanted - goal.get(name, 0), _removable(found, spare))
        if leaving > 0:
            spare -= cost(found, leaving)
            sizes[name] = found.wanted - leaving
    return sizes


def _removable(found: RevisionState, spare: int) -> int:
    """Pods that may go where `spare` of those that serve may."""
    if serving(found) <= spare or not serving(found):
        return found.wanted
    return _idle(found) + max(0, spare)


def cost(found: RevisionState, leaving: int) -> int:
    """Serving pods that a removal may take: first goes what is not ready, then any."""
    return min(serving(found), max(0, leaving - _idle(found)))


def _idle(found: RevisionState) -> int:
    return max(0, found.wanted - found.ready)
