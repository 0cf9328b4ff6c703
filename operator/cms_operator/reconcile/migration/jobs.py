"""The migration Jobs: one expands, once for each image, database, role and list of tenants, the
other contracts when its image is stable and alone. At any time one of them runs.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from cms_operator.api.objects import Object
from cms_operator.api.status import MigrationStatus, is_under_way
from cms_operator.cluster.kinds import JOB
from cms_operator.cluster.writing.apply import Applier, was_asked_otherwise
from cms_operator.observed.family import Family
from cms_operator.observed.jobs import migration_phase, pods_of_job
from cms_operator.observed.pods import has_started, has_succeeded, is_alive
from cms_operator.reconcile.migration.outcome import POLL_SECONDS, Outcome, completed, outcome
from cms_operator.reconcile.migration.status import (
    contracted,
    ended,
    expected,
    has_contract_job,
    has_to_contract,
)
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import names
from cms_operator.resources.children import migration_job
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.sources.sources import Sources

# Nothing waits for a contract, and what it locks is in use.
CONTRACT_RETRY = timedelta(minutes=10)


class Followed(NamedTuple):
    """What has come of following a Job; look at it again after `again` seconds."""

    status: MigrationStatus
    again: float | None = None


class MigrationJobs:
    """Starts, follows and ends the Jobs; when, others say."""

    def __init__(self, applier: Applier) -> None:
        self._applier = applier

    async def ensure(
        self,
        subject: Subject,
        sources: Sources,
        known: MigrationStatus | None,
        in_use: int | None,
        retry: timedelta,
    ) -> Followed:
        """Start, follow or try again the Job; its state.

        `known` is what is known of the migration and this database, `in_use` the oldest schema that
        an image with pods was made for; one that has failed is tried again after `retry`. Raises
        NameHeldError, StaleReadError, ApiError.
        """
        pending = expected(subject, sources, known)
        if pending.phase == "Complete":
            return Followed(pending)
        wanted = migration_job.build(subject.hcms, sources, pending.key, in_use)
        found = await self._run(subject, wanted, retry)
        if is_under_way(found.phase):
            return Followed(pending.model_copy(update={"phase": found.phase}), found.again)
        return Followed(ended(pending, found), found.again)

    async def contract(
        self, subject: Subject, sources: Sources, migration: MigrationStatus, *, due: bool
    ) -> Followed:
        """Start, follow or try again the contract Job, which begins only while it is `due`.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        if not has_to_contract(migration) or not (due or has_contract_job(subject, migration)):
            return Followed(migration)
        wanted = migration_job.build_contract(subject.hcms, sources, migration.key)
        found = await self._run(subject, wanted, CONTRACT_RETRY if due else None)
        return Followed(contracted(migration, found), found.again)

    async def end_contract(self, subject: Subject, key: str) -> bool:
        """End the contract Job of a revision rolled back from; True while some of it is there.

        Raises StaleReadError, ApiError.
        """
        name, family = names.contract_job(subject.hcms.name, key), subject.family
        job = family.of_kind(JOB.name).get(name)
        under_way = await self._end([job] if job else [])
        return under_way or any(is_alive(pod) for pod in pods_of_job(family.job_pods, name))

    async def set_aside(self, subject: Subject, pending: MigrationStatus) -> MigrationStatus:
        """End the Job of a revision that was rolled back from before it had passed.

        Raises StaleReadError, ApiError.
        """
        name = names.migration_job(subject.hcms.name, pending.key)
        job = subject.family.of_kind(JOB.name).get(name)
        await self._end([job] if job else [])
        return pending.model_copy(update={"message": None, "refusal": None})

    async def _run(self, subject: Subject, wanted: Manifest, retry: timedelta | None) -> Outcome:
        """Start or follow a Job; one that has failed is tried again after `retry`, if given."""
        name, family, now = wanted["metadata"]["name"], subject.family, subject.now
        job = family.of_kind(JOB.name).get(name)
        if job is None:
            if await self._others_go_on(family, name):
                return Outcome("Pending", again=POLL_SECONDS)
            await self._applier.create(wanted, subject.hcms.metadata.uid)
            return Outcome("Pending")
        pods = pods_of_job(family.job_pods, name)
        if not any(has_started(pod) for pod in pods) and was_asked_otherwise(wanted, job):
            # What kept its pod from starting may be mended; a Job's pod cannot be changed.
            await self._applier.delete(JOB, job)
            return Outcome("Pending", again=POLL_SECONDS)
        phase = migration_phase(job)
        if phase == "Complete":
            return completed(job, [pod for pod in pods if has_succeeded(pod)], now)
        if phase == "Failed":
            return await self._failed(wanted, job, pods, retry, now)
        return Outcome(phase)

    async def _others_go_on(self, family: Family, name: str) -> bool:
        """End what another spec has asked for; two of them could undo each other."""
        jobs = family.of_kind(JOB.name).items()
        under_way = await self._end(job for other, job in jobs if other != name)
        return under_way or any(is_alive(pod) for pod in family.job_pods)

    async def _end(self, jobs: Iterable[Object]) -> bool:
        """Delete the Jobs that are under way; True where there was one."""
        under_way = [job for job in jobs if migration_phase(job) == "Running"]
        for job in under_way:
            if not job["metadata"].get("deletionTimestamp"):
                await self._applier.delete(JOB, job)
        return bool(under_way)

    async def _failed(
        self,
        wanted: Manifest,
        job: Object,
        pods: Iterable[Object],
        retry: timedelta | None,
        now: datetime,
    ) -> Outcome:
        found = outcome("Failed", job, pods)
        if retry is None:
            return found
        left = (found.finished_at or now) + retry - now
        if left <= timedelta(0) or was_asked_otherwise(wanted, job):
            await self._applier.delete(JOB, job)
            left = timedelta(0)
        return replace(found, again=max(POLL_SECONDS, left.total_seconds()))
