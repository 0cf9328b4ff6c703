"""A cluster of counters: Deployments, the endpoints of two Services, a route, the operator's loop.

Whatever Kubernetes leaves open is drawn: when a pod gets ready, which of the
ready ones a Deployment removes, how late the status, the endpoints and the
gateway follow.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from cms_operator.api.fields.rollout import Rollout
from cms_operator.api.status import PinStatus, RestartStatus, RolloutStatus, Status
from cms_operator.observed.routes import with_traffic
from cms_operator.observed.schema import Schemas
from cms_operator.observed.snapshot import Request, RevisionState, RouteState, Snapshot
from cms_operator.rollout.confirmation import is_a_turn
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision
from cms_operator.rollout.wanted import Situation, WantedRevision, wanted_revision
from tests.unit.rollout.pictures import NOON

TICK = timedelta(seconds=5)
LONGEST_START, LONGEST_LAG = 5, 3  # ticks
Chance = Callable[[int], int]  # a number from 0 to the given one


@dataclass
class Deployment:
    """Pods that are ready, and pods that are not; nothing else matters to capacity."""

    wanted: int = 0
    ready: int = 0
    unready: int = 0
    waited: int = 0

    @property
    def pods(self) -> int:
        return self.ready + self.unready

    def sync(self) -> None:
        """Do as its controller does: pods that are not ready go first."""
        missing = self.wanted - self.pods
        self.unready += max(0, missing)
        leaving = max(0, -missing)
        idle = min(leaving, self.unready)
        self.unready -= idle
        self.ready -= leaving - idle


@dataclass
class Gateway:
    """It routes by what it has accepted last, and accepts late, or never while it is `away`."""

    weight: int = 0
    opened: bool = False
    accepted: tuple[int, bool] = (0, False)
    settled: bool = True
    away: bool = False
    leads: bool = False
    was_away: bool = False

    def write(self, weight: int, *, opened: bool, leads: bool) -> None:
        self.leads = leads
        if (weight, opened) != (self.weight, self.opened):
            self.weight, self.opened, self.settled = weight, opened, False

    def accept(self) -> None:
        self.was_away |= self.away
        if not self.away:
            self.accepted, self.settled = (self.weight, self.opened), True


@dataclass
class Cluster:
    """`good` tells whether a revision's pods ever get ready; a `gateway` weighs the traffic."""

    good: Callable[[str], bool]
    chance: Chance
    deployments: dict[str, Deployment] = field(default_factory=dict)
    active: str | None = None
    preview: str | None = None
    endpoints: dict[str, int] = field(default_factory=dict)
    previewed: dict[str, int] = field(default_factory=dict)
    crashing: set[str] = field(default_factory=set)
    gateway: Gateway | None = None
    lag: int = 0

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
            # Less than a progress deadline, or bad luck would end a good release.
            found.waited = found.waited + 1 if starts and found.unready and not started else 0
            if found.waited > LONGEST_START:
                started = 1
            found.unready -= started
            found.ready += started
        self.lag += 1
        if self.chance(3) or self.lag > LONGEST_LAG:  # else the endpoints lag
            self.follow()
        if self.gateway and self.chance(2):
            self.gateway.accept()

    def follow(self) -> None:
        self.lag = 0
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

    def route(self) -> RouteState | None:
        if self.gateway is None:
            return None
        return RouteState(
            main=self.active,
            preview=self.preview,
            weight=self.gateway.weight,
            opened=self.gateway.opened,
            settled=self.gateway.settled,
            leads=self.gateway.leads,
            endpoints=self._ready(self.endpoints),
        )

    def _ready(self, endpoints: Mapping[str, int]) -> dict[str, int]:
        return {
            name: min(self.deployments[name].ready, count)
            for name, count in endpoints.items()
            if name in self.deployments
        }

    def unanswered(self) -> list[str]:
        """Backends to which the gateway sends requests, and which have no ready endpoint."""
        if self.gateway is None:
            return []
        main = sum(self._ready(self.endpoints).values())
        preview = sum(self._ready(self.previewed).values())
        weight, opened = self.gateway.accepted
        used = {"main": (weight < 100, main), "preview": (weight > 0 or opened, preview)}
        return [name for name, (is_used, ready) in used.items() if is_used and not ready]

    def states(self) -> dict[str, RevisionState]:
        route = self.route()
        counted = with_traffic(route, self.previewed) if route else self.endpoints
        return {
            name: RevisionState(
                wanted=found.wanted,
                current=found.pods,
                ready=found.ready,
                available=found.ready,
                endpoints=min(found.ready, counted.get(name, 0)),
                observed=found.wanted == found.pods,
                preview=min(found.ready, self.previewed.get(name, 0)),
            )
            for name, found in self.deployments.items()
        }

    def serving(self) -> int:
        main, _ = self.live()
        return sum(main.values())

    def shown(self) -> object:
        """What events tell of: pods, endpoints, and what the gateway has accepted."""
        pods = {name: (found.ready, found.unready) for name, found in self.deployments.items()}
        endpoints = [{n: c for n, c in found.items() if c} for found in self.live()]
        return pods, endpoints, self.gateway and (self.gateway.accepted, self.gateway.settled)


@dataclass
class World:
    """The operator at work; `check` sees each act with what was there before it.

    `target` is what the spec asks for.
    """

    cluster: Cluster
    rollout: Rollout
    replicas: int
    target: str
    check: Callable[["World", Snapshot, Decision], None]
    stable: str | None = None
    progress: RolloutStatus | None = None
    requests: tuple[Request, ...] = ()
    schemas: Schemas = field(default_factory=Schemas)
    formerly: tuple[str, ...] = ()
    autoscaled: bool = False
    turns: int = 0
    pin: PinStatus | None = None
    restart: RestartStatus | None = None
    known: set[str] = field(default_factory=set)
    clock: Callable[["World"], datetime] = lambda world: NOON + world.turns * TICK

    @property
    def now(self) -> datetime:
        return self.clock(self)

    def wanted(self) -> WantedRevision:
        before = Status(
            stable_revision=self.stable, rollout=self.progress, pin=self.pin, restart=self.restart
        )
        known = {*self.known, self.target}
        found = Situation(before, self._named, lambda: self.target, known, self.now, self.schemas)
        return wanted_revision(found, self.requests)

    def _named(self, restart: str | None) -> str:
        return f"{self.target}-{restart.replace(':', '-')}" if restart else self.target

    def snapshot(self) -> Snapshot:
        wanted = self.wanted()
        return Snapshot(
            replicas=self.replicas,
            target=wanted.target,
            pin=wanted.pin,
            answers=wanted.answers,
            now=self.now,
            stable=self.stable,
            rollout=self.rollout,
            progress=self.progress,
            revisions=self.cluster.states(),
            requests=self.requests,
            failure=self.cluster.failure(wanted.target),
            schemas=self.schemas,
            route=self.cluster.route(),
            formerly=self.formerly,
            autoscaled=self.autoscaled,
        )

    def turn(self, *, killed_after: int | None = None) -> Decision:
        """One reconcile and one tick; an operator that dies after so many writes makes no more."""
        wanted = self.wanted()
        decision = decide(self.snapshot())
        if _takes_away(decision, self.cluster) and decision.traffic is None:
            # The live read. Where a route weighs, the slices themselves are taken to lag.
            self.cluster.follow()
            decision = decide(self.snapshot())
        self.check(self, self.snapshot(), decision)
        for write in islice(self._writes(decision, wanted), killed_after):
            write()
        self.cluster.tick()
        self.turns += 1
        return decision

    def turn_and_tell(self) -> bool:
        """One turn; whether another follows it, because of an event or a wish to look again."""
        recorded, before = (self.stable, self.progress), self.cluster.shown()
        decision = self.turn()
        noted = recorded != (self.stable, self.progress)
        return noted or decision.again is not None or self.cluster.shown() != before

    def _writes(self, decision: Decision, wanted: WantedRevision) -> Iterator[Callable[[], object]]:
        """Whatever differs, in the operator's order: Services, sizes, removals, the status.

        The status tells of a turn before anything is done for it.
        """
        cluster = self.cluster
        if is_a_turn(self.stable, self.progress, decision):
            yield partial(self._report, decision, wanted)
            return
        if (cluster.active, cluster.preview) != (decision.active, decision.preview):
            yield partial(cluster.direct, decision.active, decision.preview)
        for name, size in sorted(decision.sizes.items()):
            if name not in cluster.deployments or cluster.deployments[name].wanted != size:
                yield partial(cluster.resize, name, size)
        if gateway := cluster.gateway:
            traffic = decision.traffic
            weight, opened = (traffic.weight, traffic.opened) if traffic else (0, False)
            leads = traffic is not None and traffic.leads
            if (gateway.weight, gateway.opened, gateway.leads) != (weight, opened, leads):
                yield partial(gateway.write, weight, opened=opened, leads=leads)
        for name in decision.retire:
            yield partial(cluster.deployments.pop, name)
        known = (self.stable, self.progress, self.pin, self.restart)
        if known != (decision.stable, decision.progress, wanted.pin, wanted.restart):
            yield partial(self._report, decision, wanted)

    def _report(self, decision: Decision, wanted: WantedRevision) -> None:
        if self.stable and self.stable != decision.stable:
            old = (self.stable, *self.formerly)
            self.formerly = tuple(name for name in dict.fromkeys(old) if name != decision.stable)
        self.stable, self.progress = decision.stable, decision.progress
        self.pin, self.restart = wanted.pin, wanted.restart
        self.known.add(wanted.target)

    def is_over(self) -> bool:
        return self.progress is not None and self.progress.phase in ("Completed", "Aborted")

    def settle(self, turns: int) -> None:
        for _ in range(turns):
            self.turn()

    def sizes(self) -> Mapping[str, int]:
        return {name: found.ready for name, found in self.cluster.deployments.items()}

    def speed_up(self) -> None:
        """Make pods start at once from now on, and no pause wait for a person."""
        self.cluster.chance = lambda most: most
        self.rollout = replace_fields(self.rollout, paused=False)
        if self.cluster.gateway:
            self.cluster.gateway.away = False


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
