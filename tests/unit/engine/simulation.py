"""A cluster of counters: Deployments, the endpoints of two Services, and the operator's loop.

Whatever Kubernetes leaves open is drawn: when a pod gets ready, which of the
ready ones a Deployment removes, how late the status and the endpoints follow.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import islice

from cms_operator.api.rollout import Rollout
from cms_operator.api.status import RolloutStatus
from cms_operator.rollout.confirmation import is_a_turn
from cms_operator.rollout.decide import Decision, decide
from cms_operator.rollout.snapshot import Request, RevisionState, Snapshot
from tests.unit.engine.pictures import NOON

TICK = timedelta(seconds=5)
Chance = Callable[[int], int]  # a number from 0 to the given one


@dataclass
class Deployment:
    """Pods that are ready, and pods that are not; nothing else matters to capacity."""

    wanted: int = 0
    ready: int = 0
    unready: int = 0

    @property
    def pods(self) -> int:
        return self.ready + self.unready

    def sync(self) -> None:
        """As its controller: pods that are not ready go first."""
        missing = self.wanted - self.pods
        self.unready += max(0, missing)
        leaving = max(0, -missing)
        idle = min(leaving, self.unready)
        self.unready -= idle
        self.ready -= leaving - idle


@dataclass
class Cluster:
    """`good` tells whether a revision's pods ever get ready."""

    good: Callable[[str], bool]
    chance: Chance
    deployments: dict[str, Deployment] = field(default_factory=dict)
    active: str | None = None
    preview: str | None = None
    endpoints: dict[str, int] = field(default_factory=dict)
    previewed: dict[str, int] = field(default_factory=dict)
    crashing: set[str] = field(default_factory=set)

    def live(self) -> tuple[dict[str, int], dict[str, int]]:
        main = {
            name: found.ready
            for name, found in self.deployments.items()
            if self.active in (None, name)
        }
        behind = {n: found.ready for n, found in self.deployments.items() if n == self.preview}
        return main, behind

    def tick(self) -> None:
        for name, found in self.deployments.items():
            found.sync()
            starts = self.good(name) and name not in self.crashing
            started = self.chance(found.unready) if starts else 0
            found.unready -= started
            found.ready += started
        if self.chance(3):  # else the endpoints lag
            self.follow()

    def follow(self) -> None:
        self.endpoints, self.previewed = self.live()

    def direct(self, active: str | None, preview: str | None) -> None:
        self.active, self.preview = active, preview

    def resize(self, name: str, size: int) -> None:
        self.deployments.setdefault(name, Deployment()).wanted = size

    def crash(self, name: str) -> None:
        found = self.deployments[name]
        found.ready, found.unready = 0, found.pods
        self.crashing.add(name)

    def failure(self, name: str) -> str:
        """A pod that is gone tells nothing any more."""
        known = name in self.crashing and name in self.deployments
        return "Its pods crash." if known and self.deployments[name].pods else ""

    def lose_a_pod(self) -> None:
        for found in self.deployments.values():
            if found.ready:
                found.ready -= 1
                return

    def states(self) -> dict[str, RevisionState]:
        return {
            name: RevisionState(
                wanted=found.wanted,
                current=found.pods,
                ready=found.ready,
                available=found.ready,
                endpoints=min(found.ready, self.endpoints.get(name, 0)),
                observed=found.wanted == found.pods,
                preview=min(found.ready, self.previewed.get(name, 0)),
            )
            for name, found in self.deployments.items()
        }

    def serving(self) -> int:
        main, _ = self.live()
        return sum(main.values())


@dataclass
class World:
    """The operator at work; `check` sees each act with what was there before it."""

    cluster: Cluster
    rollout: Rollout
    replicas: int
    target: str
    check: Callable[["World", Snapshot, Decision], None]
    stable: str | None = None
    progress: RolloutStatus | None = None
    requests: tuple[Request, ...] = ()
    turns: int = 0

    def snapshot(self) -> Snapshot:
        return Snapshot(
            replicas=self.replicas,
            target=self.target,
            now=NOON + self.turns * TICK,
            stable=self.stable,
            rollout=self.rollout,
            progress=self.progress,
            revisions=self.cluster.states(),
            requests=self.requests,
            failure=self.cluster.failure(self.target),
        )

    def turn(self, *, killed_after: int | None = None) -> Decision:
        """One reconcile and one tick; an operator that dies after so many writes makes no more."""
        decision = decide(self.snapshot())
        if _takes_away(decision, self.cluster):
            self.cluster.follow()  # the live read
            decision = decide(self.snapshot())
        self.check(self, self.snapshot(), decision)
        for write in islice(self._writes(decision), killed_after):
            write()
        self.cluster.tick()
        self.turns += 1
        return decision

    def _writes(self, decision: Decision) -> Iterator[Callable[[], object]]:
        """Whatever differs, in the operator's order: Services, sizes, removals, the status.

        What cannot be taken back waits for a turn in which the status tells why.
        """
        cluster = self.cluster
        if _takes_away(decision, cluster) and is_a_turn(self.stable, self.progress, decision):
            yield partial(self._report, decision)
            return
        if (cluster.active, cluster.preview) != (decision.active, decision.preview):
            yield partial(cluster.direct, decision.active, decision.preview)
        for name, size in sorted(decision.sizes.items()):
            if name not in cluster.deployments or cluster.deployments[name].wanted != size:
                yield partial(cluster.resize, name, size)
        for name in decision.retire:
            yield partial(cluster.deployments.pop, name)
        if (self.stable, self.progress) != (decision.stable, decision.progress):
            yield partial(self._report, decision)

    def _report(self, decision: Decision) -> None:
        self.stable, self.progress = decision.stable, decision.progress

    def is_over(self) -> bool:
        return self.progress is not None and self.progress.phase in ("Completed", "Aborted")

    def settle(self, turns: int) -> None:
        for _ in range(turns):
            self.turn()

    def sizes(self) -> Mapping[str, int]:
        return {name: found.ready for name, found in self.cluster.deployments.items()}

    def speed_up(self) -> None:
        """From now on pods start at once and no pause waits for a person."""
        self.cluster.chance = lambda most: most
        self.rollout = replace_fields(self.rollout, paused=False)


def replace_fields(rollout: Rollout, **fields: object) -> Rollout:
    return rollout.model_copy(update=fields)


def _takes_away(decision: Decision, cluster: Cluster) -> bool:
    smaller = any(
        name in cluster.deployments and size < cluster.deployments[name].wanted
        for name, size in decision.sizes.items()
    )
    return smaller or decision.active not in (None, cluster.active)


def without_progress(snapshot: Snapshot, decision: Decision) -> Snapshot:
    """The same picture after the decision was reported."""
    return replace(snapshot, progress=decision.progress, stable=decision.stable)
