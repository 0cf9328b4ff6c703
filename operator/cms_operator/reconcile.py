"""One HeadlessCMS: observe, decide, apply, report. It is called for a key and needs no history."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from pydantic import ValidationError

from cms_operator.api import InvalidSpec
from cms_operator.api.conditions import ConditionType, Reason
from cms_operator.api.problem import Problem, ProblemError
from cms_operator.api.status import MigrationStatus, Status
from cms_operator.cluster.apply import Applier, NameHeldError
from cms_operator.cluster.client import ApiError
from cms_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    ENDPOINT_SLICE,
    HEADLESS_CMS,
    HTTP_ROUTE,
    POD,
    SECRET,
    Kind,
)
from cms_operator.cluster.pods import PodReader
from cms_operator.cluster.sources import SourceSecrets
from cms_operator.cluster.store import Key, Object, Store
from cms_operator.observability.measuring import phase
from cms_operator.resources import controller_revision, labels, names
from cms_operator.resources.revision import Revision, spec_hash
from cms_operator.resources.sources import SourceError, Sources, required_secrets
from cms_operator.rollout import observe, report, request_annotations, steps
from cms_operator.rollout.capacity import existing
from cms_operator.rollout.confirmation import shifts
from cms_operator.rollout.decide import Decision, DecisionPhase, decide, may_contract
from cms_operator.rollout.family import Family, gather
from cms_operator.rollout.news import at_rest, counts_wait, only_counts
from cms_operator.rollout.retries import retry_after
from cms_operator.rollout.revisions import kept_records
from cms_operator.rollout.schema import known_schemas, oldest_in_use
from cms_operator.rollout.snapshot import Request, Snapshot
from cms_operator.rollout.transitions import is_in_flight
from cms_operator.rollout.wanted import Situation, wanted_revision
from cms_operator.settings import Settings
from cms_operator.steps.analysis import Analyses, Judgement, Trial
from cms_operator.steps.children import Children, name_held, refusal
from cms_operator.steps.credentials import Credentials
from cms_operator.steps.known import Known
from cms_operator.steps.migration import (
    Migrations,
    expected,
    has_contract_job,
    has_to_contract,
    known_migration,
)
from cms_operator.steps.publishing import Publisher
from cms_operator.steps.unheard import unheard
from cms_operator.steps.work import (
    Pass,
    facts_of,
    has_migrated,
    is_refused,
    is_to_be_recorded,
    schemas_of,
    snapshot_of,
    takes_anything_away,
)

log = logging.getLogger(__name__)

CONTRACT_POLL_SECONDS = 2.0
UNJUDGED_SECONDS = 30


class Reconciler:
    """Raises what the client raises: the queue then calls again, later each time."""

    def __init__(  # noqa: PLR0913  - these are the edges of the pure core
        self,
        *,
        store: Store,
        applier: Applier,
        pods: PodReader,
        analyses: Analyses,
        settings: Settings,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
        busy: Callable[[], bool],
    ) -> None:
        self._store = store
        self._applier = applier
        self._now = now
        self._busy = busy
        self._settings = settings
        self._secrets = SourceSecrets(applier, store)
        self._credentials = Credentials(applier, pods, random_bytes)
        self._migrations = Migrations(applier)
        self._children = Children(applier, settings.operator_namespace)
        self._reported: dict[Key, datetime] = {}
        self._publisher = Publisher(applier, now)
        self._analyses = analyses
        self._known = Known()

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return self._secrets.readers_of(namespace, name)

    def expire_sources(self) -> None:
        self._secrets.expire()
        self._applier.expire()

    async def reconcile(self, key: Key) -> float | None:
        """Return the seconds after which to look again, or None to wait for an event."""
        parent = self._store.get(HEADLESS_CMS, *key)
        if parent is None or parent["metadata"].get("deletionTimestamp"):
            self._secrets.forget(key)
            self._reported.pop(key, None)
            self._publisher.forget(key)
            self._analyses.forget(key)
            self._children.forget(key)
            self._known.forget(key)
            return None
        before = _status_of(parent)
        try:
            reading = self._known.read(key, parent)
        except InvalidSpec as error:
            await self._publisher.publish(
                parent, before, _invalid(parent, before, error, self._now())
            )
            return None
        hcms, now = reading.hcms, self._now()
        work = Pass(reading, before, now, migration=before.migration, keys=before.jwt_keys)
        self._look(work)
        await self._read_sources(work)
        if not hcms.spec.suspend:
            await self._prepare(work)
            await self._judge_safely(work)
        decision = decide(self._snapshot(work))
        if not hcms.spec.suspend and work.target in work.revisions:
            decision = await self._confirm(work, decision)
            if is_to_be_recorded(work, decision):
                work.again.append(0.0)
            else:
                await self._apply(work, decision)
                await self._contract(work, decision)
                _look_again(work, decision.again)
        facts = facts_of(work, decision, self._snapshot(work))
        after = report.build_status(before, hcms, facts, work.now)
        await self._report(work, parent, after, settling=not at_rest(facts.snapshot))
        return min(work.again, default=None)

    def _look(self, work: Pass) -> None:
        """Take the family from the store; own writes are in it."""
        work.family = gather(
            self._store.children(work.key),
            work.hcms.metadata.uid,
            labels.Component.API,
            labels.Component.MIGRATION,
        )
        work.revisions = _recorded(work.family)

    @phase("sources")
    async def _read_sources(self, work: Pass) -> None:
        refs = required_secrets(work.hcms.spec)
        try:
            # A key is drawn once: not because of a Secret that was completed a moment ago.
            keyless = names.jwt_secret(work.hcms.name) not in work.family.of_kind(SECRET.name)
            values = await self._secrets.read(work.key, refs.names, work.now, live=keyless)
            if late := self._secrets.late(work.key):
                work.secrets_problem = unheard(late, work.now, known=True)
                _try_again(work, ConditionType.SECRETS_READY)
            work.sources = work.reading.sources(values)
            self._wish(work, work.sources)
        except SourceError as error:
            first = error.problems[0]
            work.secrets_problem = Problem(first.reason, str(error))
            _try_again(work, ConditionType.SECRETS_READY)
            self._secrets.expire_of(work.key)
        except ApiError as error:
            late = self._secrets.late(work.key) if error.is_passing else None
            work.secrets_problem = (
                unheard(late, work.now, known=False) if late else refusal(error, "Secret")
            )
            if not work.secrets_problem:
                raise  # the server's trouble, and none of this object
            _try_again(work, ConditionType.SECRETS_READY)

    def _wish(self, work: Pass, sources: Sources) -> None:
        named = partial(work.reading.name_of, sources)
        images = {name: found.image for name, found in work.revisions.items()}
        schemas = known_schemas(work.before.revisions, images, _known_migration(work, sources))
        asked = partial(spec_hash, work.hcms.spec)
        found = Situation(work.before, named, asked, work.revisions, work.now, schemas)
        requests = () if work.hcms.spec.suspend else self._requests(work)
        work.wish = wanted_revision(found, requests)
        restart = work.wish.restart
        work.revision = work.reading.revision(sources, restart.value if restart else None)

    def _requests(self, work: Pass) -> tuple[Request, ...]:
        annotations = work.hcms.metadata.annotations
        return request_annotations.requests(annotations, stamped=self._settings.requests_stamped)

    @phase("prepare")
    async def _prepare(self, work: Pass) -> None:
        """What pods need before they can start: credentials, a record, a migrated database."""
        sources, revision, hcms = work.sources, work.revision, work.hcms
        if sources is None or revision is None:
            return
        work.migration = known = _known_migration(work, sources)
        if hcms.spec.migration.enabled and not is_refused(work):
            # Whatever fails before the Job is made, no pod starts without its migration.
            work.migration = expected(hcms, sources, work.family, known)
        try:
            await self._credentials.ensure(hcms, sources, work.family)
            step = await self._credentials.rotate_keys(
                hcms, sources, work.family, work.revisions, work.before.jwt_keys, work.now
            )
            work.keys = step.status
            _look_again(work, step.again)
            self._look(work)
            if not work.wanted.pin:
                await self._children.record(hcms, revision, work.family)
            elif known:
                known = await self._end_contract(work, known)
            await self._migrate(work, sources, known)
        except NameHeldError as held:
            _blocked(work, name_held(held))
        except ProblemError as error:
            _blocked(work, error.problem)
        except ApiError as error:
            _blocked(work, refusal(error, "child"))
        self._look(work)

    async def _end_contract(self, work: Pass, known: MigrationStatus) -> MigrationStatus:
        """What is rolled back to may need what it takes away."""
        work.contract_ends = await self._migrations.end_contract(work.hcms, work.family, known.key)
        if work.contract_ends:
            work.again.append(CONTRACT_POLL_SECONDS)
        if known.contract and known.contract.phase in ("Pending", "Running"):
            return known.model_copy(update={"contract": None})
        return known

    async def _migrate(self, work: Pass, sources: Sources, known: MigrationStatus | None) -> None:
        if not work.hcms.spec.migration.enabled:
            work.migration = None
            return
        if is_refused(work):
            return
        if work.wanted.pin and not has_migrated(work):
            pending = expected(work.hcms, sources, work.family, known)
            work.migration = await self._migrations.set_aside(work.hcms, work.family, pending)
            return
        states = self._snapshot(work).revisions.items()
        in_use = oldest_in_use(
            schemas_of(work), [name for name, found in states if existing(found)]
        )
        work.migration, again = await self._migrations.ensure(
            work.hcms, sources, work.family, known, in_use, work.now
        )
        _look_again(work, again)

    @phase("contract")
    async def _contract(self, work: Pass, decision: Decision) -> None:
        """Once the revision counts as stable and is alone: what it takes away never comes back."""
        hcms, migration = work.hcms, work.migration
        if work.sources is None or migration is None or not has_to_contract(migration):
            return
        if work.wanted.pin:  # which has ended it
            return
        due = may_contract(self._snapshot(work), decision)
        if due and not has_contract_job(hcms, work.family, migration):
            due = await self._is_alone(work)
        elif (
            decision.phase is DecisionPhase.HEALTHY
            and work.before.stable_revision != decision.stable
        ):
            work.again.append(CONTRACT_POLL_SECONDS)
        try:
            work.migration, again = await self._migrations.contract(
                hcms, work.sources, work.family, migration, work.now, due=due
            )
            _look_again(work, again)
        except NameHeldError as held:
            _blocked(work, name_held(held))
        except ApiError as error:
            _blocked(work, refusal(error, "Job"))
        self._look(work)

    async def _is_alone(self, work: Pass) -> bool:
        """By a live read: a pod that is on its way out may still answer."""
        selector = labels.other_revisions_text(work.hcms, work.target)
        others = await self._applier.list(POD, work.hcms.namespace, selector)
        alone = not any(observe.is_alive(pod) for pod in others)
        if not alone:
            work.again.append(CONTRACT_POLL_SECONDS)
        return alone

    async def _judge_safely(self, work: Pass) -> None:
        """Whatever is wrong with a measurement, an abort and a crash loop have their effect."""
        try:
            await self._judge(work)
        except Exception:
            log.exception("the candidate cannot be judged, again in %d s", UNJUDGED_SECONDS)
            work.judgement = Judgement(due=work.now + timedelta(seconds=UNJUDGED_SECONDS))

    @phase("judge")
    async def _judge(self, work: Pass) -> None:
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

    @phase("confirm")
    async def _confirm(self, work: Pass, decision: Decision) -> Decision:
        """Before traffic or pods are taken away: decide on endpoints that were read just now.

        By name, which is cheap in a namespace of many: a slice that is not known yet would only
        show more endpoints.
        """
        if not takes_anything_away(work, decision) and not shifts(
            decision, self._snapshot(work).route
        ):
            return decision
        if decision.traffic is not None:
            await self._read_route(work)
        for known in work.family.slices:
            await self._read_again(ENDPOINT_SLICE, known)
        self._look(work)
        return decide(self._snapshot(work))

    async def _read_again(self, kind: Kind, known: Object) -> None:
        metadata = known["metadata"]
        if found := await self._applier.read(kind, metadata["namespace"], metadata["name"]):
            self._store.put(kind, found)
        else:
            self._store.discard(kind, known)

    async def _read_route(self, work: Pass) -> None:
        namespace, name = work.hcms.namespace, names.route(work.hcms.name)
        if route := await self._applier.read(HTTP_ROUTE, namespace, name):
            self._store.put(HTTP_ROUTE, route)

    @phase("apply")
    async def _apply(self, work: Pass, decision: Decision) -> None:
        key = work.migration.key if work.migration else None
        records = kept_records(work.hcms, work.family, decision, work.before)
        problem = await self._children.apply(
            work.hcms, work.revisions, decision, work.family, records, key
        )
        if problem:
            _blocked(work, problem)
        self._look(work)

    def _snapshot(self, work: Pass) -> Snapshot:
        return snapshot_of(work, self._requests(work))

    async def _report(self, work: Pass, parent: Object, after: Status, *, settling: bool) -> None:
        """News at once; counts of pods that come and go when the last report is some time ago."""
        told = self._reported.get(work.key)
        wait = 0.0
        if told and settling:
            wait = counts_wait(told, work.now, cost=self._publisher.cost, busy=self._busy())
        if wait and only_counts(work.before, after):
            work.again.append(wait)
        elif await self._publisher.publish(parent, work.before, after):
            self._reported[work.key] = work.now


def _known_migration(work: Pass, sources: Sources) -> MigrationStatus | None:
    return known_migration(work.hcms, sources, work.family, work.before.migration, work.now)


def _blocked(work: Pass, problem: Problem) -> None:
    work.children_problem = work.children_problem or problem
    _try_again(work, ConditionType.CHILDREN_OWNED)


def _try_again(work: Pass, told_by: ConditionType) -> None:
    work.again.append(retry_after(work.before.conditions, told_by, work.now))


def _look_again(work: Pass, seconds: float | None) -> None:
    if seconds is not None:
        work.again.append(seconds)


def _status_of(parent: Object) -> Status:
    """The status as it was written; one that cannot be read is begun anew."""
    try:
        return Status.model_validate(parent.get("status") or {}, strict=False)
    except ValidationError:
        return Status()


def _invalid(parent: Object, before: Status, error: InvalidSpec, now: datetime) -> Status:
    generation = parent["metadata"].get("generation", 0)
    return report.build_invalid_status(
        before, generation, Problem(Reason.INVALID_SPEC, str(error)), now
    )


def _recorded(family: Family) -> dict[str, Revision]:
    """The revisions as they were recorded, so that nothing since has changed their pods."""
    found = {}
    for name, record in family.by_revision(CONTROLLER_REVISION.name).items():
        try:
            found[name] = controller_revision.read(record)
        except ValueError:
            log.warning("ControllerRevision %s is not a record", record["metadata"]["name"])
    return found
