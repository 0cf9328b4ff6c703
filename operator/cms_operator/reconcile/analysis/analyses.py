"""Measures the candidate of a rollout: reads the pods of both revisions when it is time to."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cms_operator.api.analysis_status import AnalysisStatus
from cms_operator.api.status import RolloutStatus
from cms_operator.cluster.keys import Key
from cms_operator.cluster.outbound.measures import MeasureReader
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.outbound.synthetic import SyntheticSender
from cms_operator.observed.family import revision_of
from cms_operator.observed.pods import is_serving
from cms_operator.reconcile.analysis.beside import Beside
from cms_operator.reconcile.analysis.pages import Pages, read_pages
from cms_operator.reconcile.analysis.trial import Trial
from cms_operator.rollout import steps, transitions
from cms_operator.rollout.analysis import judge, pods
from cms_operator.rollout.analysis.counters import Opening, WarmUp, tally
from cms_operator.rollout.analysis.judge import Measured
from cms_operator.rollout.analysis.pods import PodState
from cms_operator.rollout.analysis.readings import MeasureContext, Reading

# Until pods or providers that are slow are looked at again.
_ASKING = timedelta(seconds=1)


@dataclass(slots=True)
class _Interval:
    """The interval being measured. It is not persisted: a restarted operator begins a new one,
    which delays the verdict but cannot falsify it.

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

    def known(self, reported: AnalysisStatus | None) -> AnalysisStatus | None:
        """The last measurement's result, reported or not."""
        is_unreported = self.after is not None and self.before == reported
        return self.after if is_unreported else reported


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of the candidate, and when the next measurement is due."""

    status: AnalysisStatus | None = None
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found at one moment; `readings` are those of the providers."""

    read: Pages
    states: Mapping[str, PodState]
    readings: Sequence[Reading] = ()


class Analyses:
    def __init__(
        self, reader: PodReader, providers: MeasureReader, sender: SyntheticSender
    ) -> None:
        self._reader = reader
        self._providers = providers
        self._sender = sender
        self._readings: Beside[Sequence[Reading]] = Beside()
        self._pages: Beside[Pages] = Beside()
        self._sending: dict[Key, asyncio.Task[None]] = {}
        self._open: dict[Key, _Interval] = {}

    def forget(self, key: Key) -> None:
        self._open.pop(key, None)
        self._forget_answers(key)
        if sending := self._sending.get(key):
            sending.cancel()

    @property
    def sending(self) -> Sequence[asyncio.Task[None]]:
        return tuple(self._sending.values())

    async def close(self) -> None:
        for sending in self.sending:
            sending.cancel()
        await asyncio.gather(*self.sending, return_exceptions=True)
        await self._readings.close()
        await self._pages.close()

    async def judge(self, trial: Trial, now: datetime) -> Judgement:
        """Measure where that is due; else say what is known. The first look opens an interval."""
        interval = self._open.get(trial.key)
        if interval is None or interval.rollout != trial.rollout:
            return await self._begin(trial, now)
        known = interval.known(trial.progress.analysis)
        if now < interval.due:
            return Judgement(known, interval.due)
        readings = await self._ask(trial)
        read = None if readings is None else await self._read(trial, now)
        if readings is None or read is None:
            return Judgement(known, now + _ASKING)
        self._forget_answers(trial.key)
        look = _Look(read, pods.states(trial.family.pods, interval.states), readings)
        after = _measured(trial, interval, look, known or _nothing(now))
        sent = self._send(trial, interval, read)
        return self._open_next(trial, interval.opening, look, after, sent)

    async def _begin(self, trial: Trial, now: datetime) -> Judgement:
        known = trial.progress.analysis
        read = await self._read(trial, now)
        if read is None:
            return Judgement(known, now + _ASKING)
        self._forget_answers(trial.key)
        look = _Look(read, pods.states(trial.family.pods, {}))
        stable = [pod.counts for pod in read.pods if pod.revision == trial.stable]
        after = judge.remember(known or _nothing(now), stable)
        return self._open_next(trial, Opening(read.at), look, after, sent=0)

    def _open_next(
        self, trial: Trial, ended: Opening, look: _Look, after: AnalysisStatus, sent: int
    ) -> Judgement:
        opening = ended.followed_by(look.read.at, look.read.pods, look.read.living)
        due, before = look.read.at + _pause(trial, after), trial.progress.analysis
        self._open[trial.key] = _Interval(
            trial.rollout, opening, look.states, due, before, after, sent
        )
        return Judgement(after, due)

    def _send(self, trial: Trial, ended: _Interval, read: Pages) -> int:
        """Begin to send what the pods are to count next; return how many to the candidate's."""
        wanted = trial.hcms.spec.rollout.judged_by.synthetic
        if wanted is None or trial.key in self._sending:
            return 0
        found = tally(ended.opening, read.pods, trial.candidate, WarmUp(0))
        enough = wanted.per_pod * found.pods
        if found.counts.requests - ended.sent >= enough:
            return 0
        targets = [trial.target(pod, "PORT") for pod in trial.speakers()]
        sending = asyncio.create_task(self._sender.send(targets, wanted.per_pod, wanted.path))
        self._sending[trial.key] = sending
        sending.add_done_callback(lambda _: self._sending.pop(trial.key, None))
        return enough

    async def _ask(self, trial: Trial) -> Sequence[Reading] | None:
        """What providers say; None while some have not answered yet."""
        if not steps.is_judged_now(trial.hcms.spec.rollout, trial.progress):
            self._readings.forget(trial.key)
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
        measures = trial.hcms.spec.rollout.judged_by.measures

        async def read_all() -> Sequence[Reading]:
            reading = (self._providers.read(measure, context) for measure in measures)
            return await asyncio.gather(*reading)

        about = (measures, trial.candidate, trial.stable)
        return await self._readings.ask(trial.key, about, read_all)

    async def _read(self, trial: Trial, now: datetime) -> Pages | None:
        """What pods say; None while some have not answered yet."""
        return await self._pages.ask(
            trial.key, trial.rollout, lambda: read_pages(trial, self._reader, now)
        )

    def _forget_answers(self, key: Key) -> None:
        self._readings.forget(key)
        self._pages.forget(key)


def _measured(
    trial: Trial, interval: _Interval, look: _Look, known: AnalysisStatus
) -> AnalysisStatus:
    settings = trial.hcms.spec.rollout.judged_by
    judged = steps.is_judged_now(trial.hcms.spec.rollout, trial.progress)
    warm_up = WarmUp(settings.warm_up_seconds, _traffic_since(trial.progress))
    measured = Measured(
        candidate=tally(interval.opening, look.read.pods, trial.candidate, warm_up),
        stable=tally(interval.opening, look.read.pods, trial.stable, WarmUp(0)),
        readings=(
            *pods.readings(interval.states, look.states, trial.candidate, trial.stable),
            *look.readings,
        ),
        unread=look.read.unread,
    )
    return judge.fold(known, measured, settings, look.read.at, judged=judged)


def _nothing(now: datetime) -> AnalysisStatus:
    """What is known before the first measurement."""
    return AnalysisStatus(since=transitions.stamp(now))


def _pause(trial: Trial, after: AnalysisStatus) -> timedelta:
    settings = trial.hcms.spec.rollout.judged_by
    pause = timedelta(seconds=settings.interval_seconds)
    return pause / 2 if judge.is_suspicious(after, settings) else pause


def _traffic_since(progress: RolloutStatus) -> datetime | None:
    """A BlueGreen's candidate is long ready when its caches meet the first request."""
    switched = progress.strategy == "BlueGreen" and progress.phase == "Baking"
    return progress.since if switched else None
