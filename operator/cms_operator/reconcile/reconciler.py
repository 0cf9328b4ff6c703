"""One HeadlessCMS: observe, decide, apply, report. It is called for a key and needs no history."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import ValidationError

from cms_operator.api import HeadlessCMS, InvalidSpec
from cms_operator.api.conditions import Reason
from cms_operator.api.objects import Object
from cms_operator.api.problem import Problem, ProblemError
from cms_operator.api.status import Status
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import HEADLESS_CMS
from cms_operator.cluster.outbound.pods import PodReader
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier, NameHeldError
from cms_operator.cluster.writing.status_writer import StatusWriter
from cms_operator.observability.measuring import phase
from cms_operator.observed import request_annotations
from cms_operator.observed.snapshot import Request
from cms_operator.reconcile.adoption import Adoption
from cms_operator.reconcile.analysis.analyses import Analyses, Judgement
from cms_operator.reconcile.analysis.trial import Trial
from cms_operator.reconcile.children import Children
from cms_operator.reconcile.confirming import Confirmation
from cms_operator.reconcile.credentials import Credentials
from cms_operator.reconcile.early import read_early
from cms_operator.reconcile.migration.status import expected, known_migration
from cms_operator.reconcile.migration.step import MigrationStep
from cms_operator.reconcile.parsed import ParsedResources
from cms_operator.reconcile.publishing import Publisher
from cms_operator.reconcile.refusals import name_held, refusal
from cms_operator.reconcile.source_secrets import SourceSecrets
from cms_operator.reconcile.sources import look_up_sources
from cms_operator.reconcile.views import count_answering, facts_of, next_diagnosis, snapshot_of
from cms_operator.reconcile.work import Work, is_refused, is_to_be_recorded
from cms_operator.reporting.news import counts_wait, is_settled, only_counts
from cms_operator.reporting.status import build_invalid_status, build_status
from cms_operator.rollout import steps
from cms_operator.rollout.decide import decide
from cms_operator.rollout.decision import Decision
from cms_operator.rollout.history import kept_records
from cms_operator.rollout.transitions import is_in_flight
from cms_operator.settings import Settings

log = logging.getLogger(__name__)

UNJUDGED_SECONDS = 30


class Reconciler:
    """Raises what the client raises: the queue then calls again, later each time."""

    def __init__(  # noqa: PLR0913  - these are the edges of the pure core
        self,
        *,
        store: Store,
        applier: Applier,
        writer: StatusWriter,
        pods: PodReader,
        analyses: Analyses,
        settings: Settings,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        busy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._applier = applier
        self._writer = writer
        self._now = now
        self._busy = busy
        self._settings = settings
        self._secrets = SourceSecrets(applier, store)
        self._credentials = Credentials(applier, pods, random_bytes)
        self._migrating = MigrationStep(applier, store)
        self._confirmation = Confirmation(applier, store)
        self._adoption = Adoption(applier, store)
        self._children = Children(applier, settings.operator_namespace)
        self._reported: dict[Key, datetime] = {}
        self._publisher = Publisher(writer, now)
        self._analyses = analyses
        self._parsed = ParsedResources()
        self._remembers = (
            self._secrets,
            self._publisher,
            self._analyses,
            self._children,
            self._parsed,
        )

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return self._secrets.readers_of(namespace, name)

    def expire_sources(self) -> None:
        self._secrets.expire()
        self._writer.expire()

    async def reconcile(self, key: Key) -> float | None:
        """Return the seconds after which to look again, or None to wait for an event."""
        parent = self._store.get(HEADLESS_CMS, *key)
        if parent is None or parent["metadata"].get("deletionTimestamp"):
            for part in self._remembers:
                part.forget(key)
            self._reported.pop(key, None)
            return None
        before = _status_of(parent)
        too_large = await read_early(key, self._applier, self._store)
        try:
            parsed = self._parsed.read(key, parent)
        except InvalidSpec as error:
            await self._leave_alone(parent, before, Problem(Reason.INVALID_SPEC, str(error)))
            return None
        if too_large:
            await self._leave_alone(parent, before, too_large)
            return None
        hcms, now = parsed.hcms, self._now()
        work = Work(
            parsed,
            before,
            now,
            self._requests_of(hcms),
            migration=before.migration,
            keys=before.jwt_keys,
            adoption=before.adoption,
        )
        await self._adopt(work)
        work.take_family(self._store)
        await look_up_sources(work, self._secrets)
        if not hcms.spec.suspend:
            await self._prepare(work)
            await self._judge_safely(work)
        decision = decide(snapshot_of(work))
        if not hcms.spec.suspend and work.target in work.revisions:
            decision = await self._confirmation.confirm(work, decision)
            if is_to_be_recorded(work, decision):
                work.look_again(0.0)
            else:
                await self._apply(work, decision)
                await self._migrating.contract(work, decision)
                work.look_again(decision.again)
        work.look_again(next_diagnosis(work))
        facts = facts_of(work, decision, snapshot_of(work))
        after = build_status(before, hcms, facts, work.now)
        await self._report(work, parent, after, settling=not is_settled(facts.snapshot))
        return work.again

    async def _leave_alone(self, parent: Object, before: Status, problem: Problem) -> None:
        generation, now = parent["metadata"].get("generation", 0), self._now()
        pods = count_answering(parent, before, self._store)
        after = build_invalid_status(before, generation, problem, now, answering=pods)
        await self._publisher.publish(parent, before, after)

    async def _adopt(self, work: Work) -> None:
        """Before anything is made in the place of what may be taken over."""
        if work.hcms.spec.suspend:
            return
        try:
            work.adoption = await self._adoption.take_over(work.hcms, work.before.adoption)
        except ApiError as error:
            work.blocked(refusal(error, "child"))

    def _requests_of(self, hcms: HeadlessCMS) -> tuple[Request, ...]:
        annotations = hcms.metadata.annotations
        return request_annotations.requests(annotations, stamped=self._settings.requests_stamped)

    @phase("prepare")
    async def _prepare(self, work: Work) -> None:
        """What pods need before they can start: credentials, a record, a migrated database."""
        sources, revision, hcms = work.sources, work.revision, work.hcms
        if sources is None or revision is None:
            return
        work.migration = known = known_migration(work.subject, sources, work.before.migration)
        if hcms.spec.migration.enabled and not is_refused(work):
            # Whatever fails before the Job is made, no pod starts without its migration.
            work.migration = expected(work.subject, sources, known)
        try:
            await self._credentials.ensure_role(work.subject, sources)
            step = await self._credentials.rotate_keys(work.subject, sources, work.before.jwt_keys)
            work.keys = step.status
            work.look_again(step.again)
            work.take_family(self._store)
            await self._credentials.ensure_owners(work.subject, sources, known)
            if not work.wanted.pin:
                await self._children.record(work.subject, revision)
            elif known:
                known = await self._migrating.end_contract(work, known)
            await self._migrating.migrate(work, sources, known)
        except NameHeldError as held:
            work.blocked(name_held(held, work.hcms))
        except ProblemError as error:
            work.blocked(error.problem)
        except ApiError as error:
            work.blocked(refusal(error, "child"))
        work.take_family(self._store)

    async def _judge_safely(self, work: Work) -> None:
        """Whatever is wrong with a measurement, an abort and a crash loop have their effect."""
        try:
            await self._judge(work)
        except Exception:
            log.exception("the candidate cannot be judged, again in %d s", UNJUDGED_SECONDS)
            work.judgement = Judgement(due=work.now + timedelta(seconds=UNJUDGED_SECONDS))

    @phase("judge")
    async def _judge(self, work: Work) -> None:
        """Measure the candidate where a rollout is under way, and at once where one begins."""
        progress, stable = work.before.rollout, work.before.stable_revision
        rollout = work.hcms.spec.rollout
        goes_on = progress and progress.revision == work.target and is_in_flight(progress)
        strategy = progress.strategy if progress and goes_on else rollout.strategy
        if stable in {None, work.target} or not steps.is_measured(rollout, strategy):
            self._analyses.forget(work.key)
        elif progress and goes_on:
            trial = Trial(work.hcms, progress, str(stable), work.family, work.revisions)
            work.judgement = await self._analyses.judge(trial, work.now)
        else:
            self._analyses.forget(work.key)
            work.judgement = Judgement(due=work.now)

    @phase("apply")
    async def _apply(self, work: Work, decision: Decision) -> None:
        key = work.migration.key if work.migration else None
        records = kept_records(work.hcms, work.family, decision, work.before)
        problem = await self._children.apply(work.subject, decision, records, key)
        if problem:
            work.blocked(problem)
        work.take_family(self._store)

    async def _report(self, work: Work, parent: Object, after: Status, *, settling: bool) -> None:
        """News at once; counts of pods that come and go when the last report is some time ago."""
        told = self._reported.get(work.key)
        wait = 0.0
        if told and settling:
            wait = counts_wait(told, work.now, cost=self._publisher.cost, busy=self._busy())
        if wait and only_counts(work.before, after):
            work.look_again(wait)
        elif await self._publisher.publish(parent, work.before, after):
            self._reported[work.key] = work.now


def _status_of(parent: Object) -> Status:
    """The status as it was written; one that cannot be read is begun anew."""
    try:
        return Status.model_validate(parent.get("status") or {}, strict=False)
    except ValidationError:
        return Status()
