"""Generated Secrets: made once, never made anew by accident, rotated on request."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from cms_operator.api import HeadlessCMS
from cms_operator.api.annotations import ROTATE_JWT_KEY, asked
from cms_operator.api.conditions import Reason
from cms_operator.api.objects import Object
from cms_operator.api.problem import Problem, ProblemError
from cms_operator.api.status import JobPhase, JwtKeysStatus, MigrationStatus
from cms_operator.cluster.kinds import JOB, SECRET
from cms_operator.cluster.outbound.pods import PodReader, Target
from cms_operator.cluster.writing.apply import Applier
from cms_operator.observed.family import revision_of
from cms_operator.observed.jobs import migration_phase, pods_of_job
from cms_operator.observed.pods import (
    has_started,
    has_succeeded,
    is_alive,
    is_serving,
    is_starting,
)
from cms_operator.reconcile.migration.status import expected
from cms_operator.reconcile.subject import Subject
from cms_operator.resources import names
from cms_operator.resources.manifests import Manifest
from cms_operator.resources.secrets import admin_secret, jwt_keys, key_rotation, service_role
from cms_operator.resources.sources.sources import Sources

# The kubelet brings a changed Secret to every mount within this time.
MOUNTS_SETTLE = timedelta(seconds=90)


class Credentials:
    def __init__(
        self, applier: Applier, pods: PodReader, random_bytes: Callable[[int], bytes]
    ) -> None:
        self._applier = applier
        self._pods = pods
        self._random = random_bytes

    async def ensure_role(self, subject: Subject, sources: Sources) -> None:
        """Make the Secret of the pods' database role.

        Raises ProblemError, NameHeldError, ApiError.
        """
        hcms, secrets = subject.hcms, subject.family.of_kind(SECRET.name)
        if sources.makes_service_role:
            existing = secrets.get(names.database_secret(hcms.name))
            role = service_role.read(existing) if existing else None
            if existing and role is None:
                raise _unreadable(names.database_secret(hcms.name))
            role = role or service_role.make(hcms, sources, self._random)
            await self._write(hcms, service_role.build(hcms, role), existing)

    async def ensure_owners(
        self, subject: Subject, sources: Sources, known: MigrationStatus | None
    ) -> None:
        """Make the Secret of the first owners, before the migration that makes their tenants.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        hcms = subject.hcms
        if not hcms.spec.tenants:
            return
        existing = subject.family.of_kind(SECRET.name).get(names.admin_secret(hcms.name))
        found = admin_secret.read(existing) if existing else admin_secret.Owners()
        wanted = expected(subject, sources, known).key
        migrations = _migrations(subject, wanted, {wanted, *found.awaited.values()}, known)
        owners = admin_secret.owners(hcms, found, migrations, self._random)
        await self._write(hcms, admin_secret.build(hcms, owners), existing)

    async def _write(self, hcms: HeadlessCMS, secret: Manifest, existing: Object | None) -> None:
        """New random values must never replace a Secret that is in use and was only not seen."""
        write = self._applier.apply if existing else self._applier.create
        await write(secret, hcms.metadata.uid)

    async def rotate_keys(
        self, subject: Subject, sources: Sources, before: JwtKeysStatus | None
    ) -> key_rotation.RotationStep:
        """Make the ring of signing keys, or take it one step further.

        Raises ProblemError, NameHeldError, ApiError.
        """
        hcms, now = subject.hcms, subject.now
        wanted = asked(hcms.metadata.annotations, ROTATE_JWT_KEY)
        request = key_rotation.RotationRequest(wanted, sources.jwt_secret)
        name = names.jwt_secret(hcms.name)
        secret = subject.family.of_kind(SECRET.name).get(name)
        if secret is None:
            step = key_rotation.first_step(
                jwt_keys.initial(self._random, request.user_value), request, now
            )
        else:
            try:
                ring = jwt_keys.read(secret)
            except ValueError:
                raise _unreadable(name) from None
            reported = await self._reported(subject, before)
            configurations = [revision.config for revision in subject.revisions.values()]
            life = key_rotation.token_life(hcms.spec.auth.access_token_seconds, configurations)
            step = key_rotation.next_step(ring, before, request, reported, life, now, self._random)
        await self._write(hcms, jwt_keys.build(hcms, step.ring), secret)
        return step

    async def _reported(self, subject: Subject, before: JwtKeysStatus | None) -> tuple[int, ...]:
        """The generation of each pod that serves, and 0 for one that cannot be asked: it is still
        starting, or the record of its revision is lost.

        Such a pod may have mounted the ring as it was; it is waited for no longer than that
        can matter.
        """
        if before is None or not key_rotation.needs_pods(before):
            return ()
        targets, unknown = [], 0
        for pod in subject.family.pods:
            revision = subject.revisions.get(revision_of(pod) or "")
            if revision and is_serving(pod):
                namespace = subject.hcms.namespace
                targets.append(Target.of(namespace, pod, revision.config, "ADMIN_PORT"))
            elif is_serving(pod) or is_starting(pod):
                unknown += 1
        reported = await self._pods.key_generations(targets)
        fresh = before.since is not None and subject.now - before.since < MOUNTS_SETTLE
        return (*reported, *([0] * unknown if fresh else ()))


def _migrations(
    subject: Subject, wanted: str, keys: Iterable[str], known: MigrationStatus | None
) -> admin_secret.Migrations:
    phases = {key: _phase(subject, key, known) for key in keys}
    pods = {key: _pods_not_failed(subject, key) for key in phases}
    return admin_secret.Migrations(
        wanted,
        complete=[key for key, phase in phases.items() if phase == "Complete"],
        # The pods of a Job that is deleted go on for a while.
        running=[key for key, phase in phases.items() if phase == "Running" or pods[key]],
        begun=[key for key in phases if any(map(has_started, pods[key]))],
    )


def _pods_not_failed(subject: Subject, key: str) -> list[Object]:
    job = names.migration_job(subject.hcms.name, key)
    pods = pods_of_job(subject.family.job_pods, job)
    return [pod for pod in pods if is_alive(pod) or has_succeeded(pod)]


def _phase(subject: Subject, key: str, known: MigrationStatus | None) -> JobPhase:
    if known and known.key == key and known.phase == "Complete":
        return "Complete"
    job = names.migration_job(subject.hcms.name, key)
    return migration_phase(subject.family.of_kind(JOB.name).get(job))


def _unreadable(name: str) -> ProblemError:
    return ProblemError(
        Problem(
            Reason.SECRET_VALUE_INVALID,
            f"Secret {name} was changed by hand and cannot be read. "
            "Restore it, or delete it to have a new one made.",
        )
    )
