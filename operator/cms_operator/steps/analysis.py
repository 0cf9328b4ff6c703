"""Measures the candidate of a rollout: reads the pods of both revisions when it is time to."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cms_operator.api import HeadlessCMS
from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.status import RolloutStatus
from cms_operator.cluster.measures import MeasureReader
from cms_operator.cluster.pods import PodReader, Target
from cms_operator.cluster.store import Key, Object
from cms_operator.cluster.synthetic import SyntheticSender
from cms_operator.resources.revision import Revision
from cms_operator.rollout import steps, transitions
from cms_operator.rollout.analysis import judge, pods
from cms_operator.rollout.analysis.counters import Opening, PodSample, WarmUp, tally
from cms_operator.rollout.analysis.exposition import Page
from cms_operator.rollout.analysis.judge import Measured
from cms_operator.rollout.analysis.pods import PodState
from cms_operator.rollout.analysis.readings import MeasureContext, Reading
from cms_operator.rollout.family import Family
from cms_operator.rollout.observe import is_serving, ready_since, revision_of
from cms_operator.steps.providers import Providers

# Of a revision with more pods, so many speak for all.
MOST_PODS = 16
# Until providers that are slow are looked at again.
_ASKING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Trial:
    """A candidate against the revision that has passed."""

    hcms: HeadlessCMS
    progress: RolloutStatus
    stable: str
    family: Family
    revisions: Mapping[str, Revision]

    @property
    def key(self) -> Key:
        return Key(self.hcms.namespace, self.hcms.name)

    @property
    def candidate(self) -> str:
        return self.progress.revision


@dataclass(slots=True)
class _Interval:
    """The open one. Lost with the operator: then a new one begins, which takes longer and is true.

    `after` came of `before` with the last measurement; it is given again until it was reported.
    `sent` requests of the candidate's are the operator's own.
    """

    rollout: tuple[str, datetime]
    opening: Opening
    states: Mapping[str, PodState]
    due: datetime
    before: AnalysisStatus | None = None
    after: AnalysisStatus | None = None
    sent: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of the candidate, and when the next measurement is due."""

    status: AnalysisStatus | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Pages:
    pods: tuple[PodSample, ...] = ()
    unread: str = ""
    living: set[str] = field(default_factory=set)


class Analyses:
    def __init__(
        self, reader: PodReader, providers: MeasureReader, sender: SyntheticSender
    ) -> None:
        self._reader = reader
        self._providers = Providers(providers)
        self._sender = sender
        self._sending: dict[Key, asyncio.Task[None]] = {}
        self._open: dict[Key, _Interval] = {}

    def forget(self, key: Key) -> None:
        self._open.pop(key, None)
        self._providers.forget(key)
        if sending := self._sending.get(key):
            sending.cancel()

    @property
    def sending(self) -> Sequence[asyncio.Task[None]]:
        return tuple(self._sending.values())

    async def close(self) -> None:
        for sending in self.sending:
            sending.cancel()
        await asyncio.gather(*self.sending, return_exceptions=True)
        await self._providers.close()

    async def judge(self, trial: Trial, now: datetime) -> Judgement:
        known = trial.progress.analysis
        interval = self._open.get(trial.key)
        rollout = (trial.progress.revision, trial.progress.started_at)
        if interval is not None and interval.rollout != rollout:
            interval = None
        if interval is not None and interval.after is not None and interval.before == known:
            known = interval.after
        if interval is not None and now < interval.due:
            return Judgement(known, interval.due)
        readings = await self._ask(trial) if interval else ()
        if readings is None:
            return Judgement(known, now + _ASKING)
        read = await self._read(trial)
        states = pods.states(trial.family.pods, interval.states if interval else {})
        before = trial.progress.analysis
        after = known or AnalysisStatus(since=transitions.stamp(now))
        if interval is not None:
            after = self._measure(trial, interval, read, readings, states, after, now)
        else:
            stable = [pod.counts for pod in read.pods if pod.revision == trial.stable]
            after = judge.remember(after, stable)
        opening = (interval.opening if interval else Opening(now)).followed_by(
            now, read.pods, read.living
        )
        due = now + _pause(trial, after)
        sent = self._send(trial, interval, read) if interval else 0
        self._open[trial.key] = _Interval(rollout, opening, states, due, before, after, sent)
        return Judgement(after, due)

    def _send(self, trial: Trial, ended: _Interval, read: _Pages) -> int:
        """Begin to send what the pods are to count next; return how many to the candidate's."""
        wanted = trial.hcms.spec.rollout.judged_by.synthetic
        if wanted is None or trial.key in self._sending:
            return 0
        found = tally(ended.opening, read.pods, trial.candidate, WarmUp(0))
        enough = wanted.per_pod * found.pods
        if found.counts.requests - ended.sent >= enough:
            return 0
        targets = [_target(pod, trial.revisions, "PORT") for pod in _chosen(trial)]
        sending = asyncio.create_task(self._sender.send(targets, wanted.per_pod, wanted.path))
        self._sending[trial.key] = sending
        sending.add_done_callback(lambda _: self._sending.pop(trial.key, None))
        return enough

    def _measure(  # noqa: PLR0913, PLR0917  - each is one fact that the verdict depends on
        self,
        trial: Trial,
        interval: _Interval,
        read: _Pages,
        readings: Sequence[Reading],
        states: Mapping[str, PodState],
        known: AnalysisStatus,
        now: datetime,
    ) -> AnalysisStatus:
        settings = trial.hcms.spec.rollout.judged_by
        progress = trial.progress
        judged = steps.is_judged_now(trial.hcms.spec.rollout, progress)
        warm_up = WarmUp(settings.warm_up_seconds, _traffic_since(progress))
        measured = Measured(
            candidate=tally(interval.opening, read.pods, trial.candidate, warm_up),
            stable=tally(interval.opening, read.pods, trial.stable, WarmUp(0)),
            readings=(
                *pods.readings(interval.states, states, trial.candidate, trial.stable),
                *readings,
            ),
            unread=read.unread,
        )
        return judge.fold(known, measured, settings, now, judged=judged)

    async def _ask(self, trial: Trial) -> Sequence[Reading] | None:
        """What providers say; None while some have not answered yet."""
        if not steps.is_judged_now(trial.hcms.spec.rollout, trial.progress):
            self._providers.forget(trial.key)
            return ()
        found = Counter(revision_of(pod) for pod in trial.family.pods if is_serving(pod))
        context = MeasureContext(
            namespace=trial.hcms.namespace,
            name=trial.hcms.name,
            candidate=trial.candidate,
            stable=trial.stable,
            candidate_replicas=found[trial.candidate],
            stable_replicas=found[trial.stable],
        )
        return await self._providers.ask(trial.hcms.spec.rollout.judged_by.measures, context)

    async def _read(self, trial: Trial) -> _Pages:
        chosen = _chosen(trial)
        targets = [_target(pod, trial.revisions, "ADMIN_PORT") for pod in chosen]
        pages = await asyncio.gather(*(self._reader.metrics(target) for target in targets))
        samples = [_sample(pod, page) for pod, page in zip(chosen, pages, strict=True)]
        read = tuple(sample for sample in samples if isinstance(sample, PodSample))
        failures = [
            f"{pod['metadata']['name']}: {sample}"
            for pod, sample in zip(chosen, samples, strict=True)
            if isinstance(sample, str) and revision_of(pod) == trial.candidate
        ]
        heard = any(sample.revision == trial.candidate for sample in read)
        return _Pages(
            pods=read,
            unread="" if heard or not failures else failures[0],
            living={str(pod["metadata"]["uid"]) for pod in trial.family.pods},
        )


def _pause(trial: Trial, after: AnalysisStatus) -> timedelta:
    settings = trial.hcms.spec.rollout.judged_by
    pause = timedelta(seconds=settings.interval_seconds)
    return pause / 2 if judge.is_suspicious(after, settings) else pause


def _traffic_since(progress: RolloutStatus) -> datetime | None:
    """A BlueGreen's candidate is long ready when its caches meet the first request."""
    switched = progress.strategy == "BlueGreen" and progress.phase == "Baking"
    return progress.since if switched else None


def _chosen(trial: Trial) -> Sequence[Object]:
    return [
        pod
        for revision in (trial.candidate, trial.stable)
        for pod in _speakers(trial.family.pods, revision)
        if revision in trial.revisions
    ]


def _speakers(found: Iterable[Object], revision: str) -> Sequence[Object]:
    mine = [pod for pod in found if revision_of(pod) == revision and is_serving(pod)]
    return sorted(mine, key=lambda pod: str(pod["metadata"]["uid"]))[:MOST_PODS]


def _target(pod: Object, revisions: Mapping[str, Revision], port: str) -> Target:
    revision = revisions[str(revision_of(pod))]
    return Target(str(pod["status"]["podIP"]), int(revision.config[port]))


def _sample(pod: Object, page: Page | str) -> PodSample | str:
    if isinstance(page, str):
        return page
    restarts = sum(found["restartCount"] for found in pod["status"]["containerStatuses"])
    return PodSample(
        uid=str(pod["metadata"]["uid"]),
        revision=str(revision_of(pod)),
        ready_since=ready_since(pod),
        process=(restarts, page.started),
        counts=page.counts,
        database_up=page.database_up,
        cache_up=page.cache_up,
    )
