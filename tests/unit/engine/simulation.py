"""A cluster of counters: Deployments, the endpoints of two Services, and the operator's loop.

Whatever Kubernetes leaves open is drawn: when a controller acts, when a pod
gets ready, which of the ready ones a Deployment removes, how late the status
and the endpoints follow.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any

from cms_operator.api.rollout import Rollout
from cms_operator.api.status import RolloutStatus, Verb
from cms_operator.rollout.decide import Decision, decide
from cms_operator.rollout.snapshot import Request, RevisionState, Snapshot
from tests.unit.engine.pictures import NOON

TICK = timedelta(seconds=5)


def is_good(revision: str) -> bool:
    return revision.islower()


def gets_ready(revision: str) -> bool:
    """X never does; Y does, and ends a while after."""
    return not revision.startswith("X")


def crashes(revision: str) -> bool:
    return revision.startswith("Y")


@dataclass
class Deployment:
    """`warming` pods are ready, but not for minReadySeconds; `status` is what was reported last."""

    wanted: int = 0
    generation: int = 1
    obeyed: int = 0
    starting: int = 0
    warming: int = 0
    available: int = 0
    restarts: int = 0
    status: RevisionState = field(default_factory=lambda: RevisionState(observed=False))
    reported: int = 0

    @property
    def ready(self) -> int:
        return self.warming + self.available

    @property
    def pods(self) -> int:
        return self.starting + self.ready

    def scale(self, wanted: int) -> None:
        if wanted != self.wanted:
            self.wanted, self.generation = wanted, self.generation + 1

    def obey(self, random: Random) -> None:
        """As its controllers: pods that are not ready go first, of the others any."""
        self.obeyed = self.generation
        self.starting += max(0, self.wanted - self.pods)
        while self.pods > self.wanted:
            if self.starting:
                self.starting -= 1
            elif random.randrange(self.ready) < self.warming:
                self.warming -= 1
            else:
                self.available -= 1
        if not self.pods:
            self.restarts = 0

    def report(self) -> None:
        self.reported = self.obeyed
        self.status = RevisionState(
            current=self.pods, ready=self.ready, available=self.available
        )

    def lose(self, pods: int) -> None:
        """With their node, the ready ones first; new ones are made in their place."""
        lost = min(pods, self.pods)
        from_available = min(lost, self.available)
        self.available -= from_available
        from_warming = min(lost - from_available, self.warming)
        self.warming -= from_warming
        self.starting += from_available + from_warming

    def crash(self, pods: int) -> None:
        self.restarts += min(pods, self.ready)
        self.lose(min(pods, self.ready))


Endpoints = dict[str, int]


@dataclass
class Cluster:
    """`slices` are the endpoints in the API server, `seen` those in the operator's store."""

    random: Random
    calm: bool = False
    active: str | None = None
    preview: str | None = None
    deployments: dict[str, Deployment] = field(default_factory=dict)
    slices: tuple[Endpoints, Endpoints] = field(default_factory=lambda: ({}, {}))
    seen: tuple[Endpoints, Endpoints] = field(default_factory=lambda: ({}, {}))

    def tick(self) -> None:
        for name, found in self.deployments.items():
            if self._happens():
                found.obey(self.random)
            self._age(name, found)
            if self._happens():
                found.report()
        if self._happens():
            self.slices = self._selected()
        if self._happens():
            self.read_endpoints()

    def read_endpoints(self) -> None:
        self.seen = self.slices

    def working(self) -> int:
        """Endpoints behind which a pod answers."""
        return sum(
            min(count, self.deployments[name].ready)
            for name, count in self.slices[0].items()
            if name in self.deployments
        )

    def states(self) -> dict[str, RevisionState]:
        return {
            name: replace(
                found.status,
                wanted=found.wanted,
                endpoints=self.seen[0].get(name, 0),
                preview=self.seen[1].get(name, 0),
                observed=found.reported == found.generation,
            )
            for name, found in self.deployments.items()
        }

    def failure(self, revision: str) -> str:
        found = self.deployments.get(revision)
        return "Its pods have ended twice." if found and found.restarts > 1 else ""

    def _age(self, name: str, found: Deployment) -> None:
        if crashes(name) and self._happens():
            found.crash(found.available)
        grown = self._some(found.warming)
        found.warming -= grown
        found.available += grown
        started = self._some(found.starting) if gets_ready(name) else 0
        found.starting -= started
        found.warming += started

    def _selected(self) -> tuple[Endpoints, Endpoints]:
        ready = {name: found.ready for name, found in self.deployments.items()}
        main = {name: count for name, count in ready.items() if self.active in (None, name)}
        return main, {name: count for name, count in ready.items() if name == self.preview}

    def _happens(self) -> bool:
        return self.calm or self.random.random() < 2 / 3

    def _some(self, most: int) -> int:
        return most if self.calm else self.random.randint(0, most)


Check = Callable[["World", Snapshot, Decision], None]


@dataclass
class World:
    """The operator at work; `check` sees each decision before it is acted on."""

    cluster: Cluster
    rollout: Rollout
    replicas: int
    target: str
    check: Check = lambda *_: None
    stable: str | None = None
    progress: RolloutStatus | None = None
    requests: dict[Verb, Request] = field(default_factory=dict)
    turns: int = 0
    writes: int = 0

    def snapshot(self) -> Snapshot:
        return Snapshot(
            replicas=self.replicas,
            target=self.target,
            now=NOON + self.turns * TICK,
            stable=self.stable,
            rollout=self.rollout,
            progress=self.progress,
            revisions=self.cluster.states(),
            requests=tuple(self.requests.values()),
            failure=self.cluster.failure(self.target),
        )

    def turn(self, *, writes: int | None = None) -> None:
        """One reconcile and one tick. An operator that is killed gets no further than so many
        writes, the status being the last.
        """
        decision = decide(self.snapshot())
        if takes_away(decision, self.cluster):
            self.cluster.read_endpoints()
            decision = decide(self.snapshot())
        self.check(self, self.snapshot(), decision)
        for number, write in enumerate(self._writes(decision)):
            if number == writes:
                break
            self.writes += 1
            write()
        self.pass_time()

    def pass_time(self) -> None:
        self.cluster.tick()
        self.turns += 1

    def settle(self, turns: int) -> None:
        for _ in range(turns):
            self.turn()

    def ask(self, verb: Verb) -> None:
        self.requests[verb] = Request(verb, f"{self.target}:{self.turns}")

    def change(self, **fields: Any) -> None:
        self.rollout = self.rollout.model_copy(update=fields)

    def sizes(self) -> Mapping[str, int]:
        return {name: found.available for name, found in self.cluster.deployments.items()}

    def _writes(self, decision: Decision) -> Iterator[Callable[[], None]]:
        """What differs, in the order of the reconcile."""
        cluster = self.cluster
        if cluster.active != decision.active:
            yield lambda: setattr(cluster, "active", decision.active)
        if cluster.preview != decision.preview:
            yield lambda: setattr(cluster, "preview", decision.preview)
        for name, size in sorted(decision.sizes.items()):
            if name not in cluster.deployments:
                yield lambda name=name, size=size: cluster.deployments.update(  # type: ignore[misc]
                    {name: Deployment(size)}
                )
            elif cluster.deployments[name].wanted != size:
                yield lambda name=name, size=size: cluster.deployments[name].scale(size)  # type: ignore[misc]
        for name in decision.retire:
            yield lambda name=name: cluster.deployments.pop(name)  # type: ignore[misc]
        if (self.stable, self.progress) != (decision.stable, decision.progress):
            yield lambda: self._report(decision)

    def _report(self, decision: Decision) -> None:
        self.stable, self.progress = decision.stable, decision.progress


def takes_away(decision: Decision, cluster: Cluster) -> bool:
    smaller = any(
        name in cluster.deployments and size < cluster.deployments[name].wanted
        for name, size in decision.sizes.items()
    )
    return smaller or decision.active not in (None, cluster.active)
