"""Decides when the Jobs of a migration run, wait and are ended."""

from datetime import timedelta

from cms_operator.api.conditions import ConditionType
from cms_operator.api.status import MigrationStatus, is_under_way
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.kinds import POD
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier, NameHeldError
from cms_operator.observability.measuring import phase
from cms_operator.observed.pods import is_alive
from cms_operator.observed.schema import oldest_in_use
from cms_operator.reconcile.migration.jobs import MigrationJobs
from cms_operator.reconcile.migration.status import expected, has_contract_job, has_to_contract
from cms_operator.reconcile.refusals import name_held, refusal
from cms_operator.reconcile.retries import MIGRATION, retry_after
from cms_operator.reconcile.views import snapshot_of
from cms_operator.reconcile.work import Work, has_migrated, is_refused, schemas_of
from cms_operator.resources import labels
from cms_operator.resources.sources.sources import Sources
from cms_operator.rollout.capacity import existing
from cms_operator.rollout.decide import may_contract
from cms_operator.rollout.decision import Decision, DecisionPhase

CONTRACT_POLL_SECONDS = 2.0


class MigrationStep:
    def __init__(self, applier: Applier, store: Store) -> None:
        self._applier = applier
        self._store = store
        self._jobs = MigrationJobs(applier)

    async def end_contract(self, work: Work, known: MigrationStatus) -> MigrationStatus:
        """End a contract before a rollback, which may need what the contract takes away.

        Raises StaleReadError, ApiError.
        """
        work.contract_ends = await self._jobs.end_contract(work.subject, known.key)
        if work.contract_ends:
            work.look_again(CONTRACT_POLL_SECONDS)
        if known.contract and is_under_way(known.contract.phase):
            return known.model_copy(update={"contract": None})
        return known

    async def migrate(self, work: Work, sources: Sources, known: MigrationStatus | None) -> None:
        """Run the migration that the pass needs, if any.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        if not work.hcms.spec.migration.enabled:
            work.migration = None
            return
        if is_refused(work):
            return
        if work.wanted.pin and not has_migrated(work):
            pending = expected(work.subject, sources, known)
            work.migration = await self._jobs.set_aside(work.subject, pending)
            return
        states = snapshot_of(work).revisions.items()
        in_use = oldest_in_use(
            schemas_of(work), [name for name, found in states if existing(found)]
        )
        kind = ConditionType.DATABASE_MIGRATED
        retry = timedelta(seconds=retry_after(work.before.conditions, kind, work.now, MIGRATION))
        work.migration, again = await self._jobs.ensure(work.subject, sources, known, in_use, retry)
        work.look_again(again)

    @phase("contract")
    async def contract(self, work: Work, decision: Decision) -> None:
        """Run the contract once the revision is stable and alone: it cannot be undone.

        Raises StaleReadError.
        """
        migration = work.migration
        if work.sources is None or migration is None or not has_to_contract(migration):
            return
        if work.wanted.pin:  # the rollback has ended it
            return
        due = may_contract(snapshot_of(work), decision)
        if due and not has_contract_job(work.subject, migration):
            due = await self._is_alone(work)
        elif (
            decision.phase is DecisionPhase.HEALTHY
            and work.before.stable_revision != decision.stable
        ):
            work.look_again(CONTRACT_POLL_SECONDS)
        try:
            work.migration, again = await self._jobs.contract(
                work.subject, work.sources, migration, due=due
            )
            work.look_again(again)
        except NameHeldError as held:
            work.blocked(name_held(held, work.hcms))
        except ApiError as error:
            work.blocked(refusal(error, "Job"))
        work.take_family(self._store)

    async def _is_alone(self, work: Work) -> bool:
        """Whether no other revision has a pod, by a live read: one that ends may still answer."""
        selector = labels.other_revisions_text(work.hcms, work.target)
        others = await self._applier.list(POD, work.hcms.namespace, selector)
        alone = not any(is_alive(pod) for pod in others)
        if not alone:
            work.look_again(CONTRACT_POLL_SECONDS)
        return alone
