"""One HeadlessCMS: observe, decide, apply, report. It is called for a key and needs no history."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from cms_operator.api import HeadlessCMS, InvalidSpec, parse
from cms_operator.api.conditions import Reason
from cms_operator.api.status import JwtKeysStatus, MigrationStatus, Status
from cms_operator.cluster.apply import Applier, NameTakenError
from cms_operator.cluster.client import ApiError
from cms_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HEADLESS_CMS,
    HTTP_ROUTE,
    INGRESS,
    SECRET,
    SERVICE,
)
from cms_operator.cluster.pods import PodReader
from cms_operator.cluster.sources import SourceSecrets
from cms_operator.cluster.store import Key, Object, Store
from cms_operator.resources import controller_revision, labels, names
from cms_operator.resources.connections import demand
from cms_operator.resources.revision import Revision, build_revision
from cms_operator.resources.sources import SourceError, Sources, read_sources, required_secrets
from cms_operator.rollout import observe, report
from cms_operator.rollout.addresses import find_address
from cms_operator.rollout.confirmation import is_a_turn, takes_away
from cms_operator.rollout.decide import Decision, decide
from cms_operator.rollout.events import event, happenings
from cms_operator.rollout.facts import Connections, Facts
from cms_operator.rollout.family import Family, gather
from cms_operator.rollout.problems import Problem, ProblemError, failure_of, find_problem
from cms_operator.rollout.progress import is_in_flight
from cms_operator.rollout.revisions import revision_statuses, version_of
from cms_operator.rollout.snapshot import MigrationPhase, Snapshot
from cms_operator.settings import Settings
from cms_operator.steps.children import Children, name_taken, refusal
from cms_operator.steps.credentials import Credentials
from cms_operator.steps.migration import Migrations, expected

log = logging.getLogger(__name__)

PROBLEM_RETRY_SECONDS = 10.0


@dataclass(slots=True)
class Pass:
    """What one reconcile works on and has found; `again` collects when to look once more."""

    hcms: HeadlessCMS
    before: Status
    now: datetime
    family: Family = field(default_factory=Family)
    sources: Sources | None = None
    revision: Revision | None = None
    secrets_problem: Problem | None = None
    children_problem: Problem | None = None
    migration: MigrationStatus | None = None
    keys: JwtKeysStatus | None = None
    revisions: dict[str, Revision] = field(default_factory=dict)
    again: list[float] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return Key(self.hcms.namespace, self.hcms.name)

    @property
    def target(self) -> str:
        """The revision of the spec; where it cannot be known, the one that was aimed at last."""
        if self.revision is not None:
            return self.revision.hash
        return self.before.updated_revision or self.before.stable_revision or ""


class Reconciler:
    """Raises what the client raises: the queue then calls again, later each time."""

    def __init__(  # noqa: PLR0913  - these are the edges of the pure core
        self,
        *,
        store: Store,
        applier: Applier,
        pods: PodReader,
        settings: Settings,
        now: Callable[[], datetime],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._applier = applier
        self._now = now
        self._secrets = SourceSecrets(applier, store)
        self._credentials = Credentials(applier, pods, random_bytes)
        self._migrations = Migrations(applier)
        self._children = Children(applier, settings.operator_namespace)

    def readers_of(self, namespace: str, name: str) -> set[Key]:
        return self._secrets.readers_of(namespace, name)

    def expire_sources(self) -> None:
        self._secrets.expire()

    async def reconcile(self, key: Key) -> float | None:
        """Return the seconds after which to look again, or None to wait for an event."""
        parent = self._store.get(HEADLESS_CMS, *key)
        if parent is None or parent["metadata"].get("deletionTimestamp"):
            self._secrets.forget(key)
            return None
        before = _status_of(parent)
        try:
            hcms = parse({**parent, "status": {}})
        except InvalidSpec as error:
            await self._publish(parent, before, _invalid(parent, before, error, self._now()))
            return None
        work = Pass(hcms, before, self._now(), migration=before.migration, keys=before.jwt_keys)
        self._look(work)
        await self._read_sources(work)
        if not hcms.spec.suspend:
            await self._prepare(work)
        decision = decide(self._snapshot(work))
        if not hcms.spec.suspend and work.target in work.revisions:
            decision = await self._confirm(work, decision)
            if _is_to_be_recorded(work, decision):
                work.again.append(0.0)
            else:
                await self._apply(work, decision)
                _look_again(work, decision.again)
        after = report.build_status(before, hcms, self._facts(work, decision), work.now)
        await self._publish(parent, before, after)
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

    async def _read_sources(self, work: Pass) -> None:
        refs = required_secrets(work.hcms.spec)
        try:
            # A key is drawn once: not because of a Secret that was completed a moment ago.
            keyless = names.jwt_secret(work.hcms.name) not in work.family.of_kind(SECRET.name)
            values = await self._secrets.read(work.key, refs.names, live=keyless)
            work.sources = read_sources(work.hcms.spec, values)
            work.revision = build_revision(work.hcms, work.sources)
        except SourceError as error:
            first = error.problems[0]
            work.secrets_problem = Problem(first.reason, str(error))
            work.again.append(PROBLEM_RETRY_SECONDS)
            self._secrets.expire_of(work.key)
        except ApiError as error:
            work.secrets_problem = refusal(error, "Secret")
            work.again.append(PROBLEM_RETRY_SECONDS)

    async def _prepare(self, work: Pass) -> None:
        """What pods need before they can start: credentials, a record, a migrated database."""
        sources, revision, hcms = work.sources, work.revision, work.hcms
        if sources is None or revision is None:
            return
        if hcms.spec.migration.enabled:
            # Whatever fails before the Job is made, no pod starts without its migration.
            work.migration = expected(hcms, sources, work.family, work.before.migration)
        try:
            await self._credentials.ensure(hcms, sources, work.family)
            step = await self._credentials.rotate_keys(
                hcms, sources, work.family, work.revisions, work.before.jwt_keys, work.now
            )
            work.keys = step.status
            _look_again(work, step.again)
            self._look(work)
            await self._children.record(hcms, revision, work.family)
            await self._migrate(work, sources)
        except NameTakenError as taken:
            _blocked(work, name_taken(taken))
        except ProblemError as error:
            _blocked(work, error.problem)
        except ApiError as error:
            _blocked(work, refusal(error, "child"))
        self._look(work)

    async def _migrate(self, work: Pass, sources: Sources) -> None:
        if not work.hcms.spec.migration.enabled:
            work.migration = None
            return
        work.migration, again = await self._migrations.ensure(
            work.hcms, sources, work.family, work.before.migration, work.now
        )
        _look_again(work, again)

    async def _confirm(self, work: Pass, decision: Decision) -> Decision:
        """Before traffic or pods are taken away: decide on endpoints that were read just now."""
        if not _takes_away(work, decision):
            return decision
        selector = labels.instance_text(work.hcms)
        for found in await self._applier.list(ENDPOINT_SLICE, work.hcms.namespace, selector):
            self._store.put(ENDPOINT_SLICE, found)
        self._look(work)
        return decide(self._snapshot(work))

    async def _apply(self, work: Pass, decision: Decision) -> None:
        key = work.migration.key if work.migration else None
        problem = await self._children.apply(work.hcms, work.revisions, decision, work.family, key)
        if problem:
            _blocked(work, problem)
        self._look(work)

    def _snapshot(self, work: Pass) -> Snapshot:
        family, name = work.family, work.hcms.name
        deployments = family.of_kind(DEPLOYMENT.name).values()
        endpoints, preview = (
            observe.serving_endpoints(family.slices, family.pods, service)
            for service in (names.service(name), names.preview_service(name))
        )
        return Snapshot(
            replicas=work.hcms.spec.replicas,
            target=work.target,
            now=work.now,
            stable=work.before.stable_revision,
            rollout=work.hcms.spec.rollout,
            progress=work.before.rollout,
            migration=_phase_of(work),
            revisions=observe.revision_states(deployments, endpoints, preview),
            requests=observe.requests(work.hcms.metadata.annotations),
            failure=failure_of(_pods_of(work)),
            suspended=work.hcms.spec.suspend,
            trouble=problem.message if (problem := _pod_problem(work)) else "",
        )

    def _facts(self, work: Pass, decision: Decision) -> Facts:
        hcms, family = work.hcms, work.family
        snapshot = self._snapshot(work)
        stable = work.revisions.get(decision.stable or "")
        address = find_address(
            hcms,
            family.of_kind(SERVICE.name).get(names.service(hcms.name)),
            next(iter(family.of_kind(INGRESS.name).values()), None),
            next(iter(family.of_kind(HTTP_ROUTE.name).values()), None),
        )
        return Facts(
            snapshot=snapshot,
            decision=decision,
            connections=_connections(work),
            secrets=work.secrets_problem,
            pods=_pod_problem(work),
            children=work.children_problem,
            migration=work.migration,
            migration_pod=_migration_problem(work),
            keys=work.keys,
            revisions=revision_statuses(
                family.by_revision(CONTROLLER_REVISION.name), work.revisions, snapshot
            ),
            version=version_of(stable.image) if stable else None,
            selector=_selector(work, decision),
            address=address.value,
            address_pending=address.pending,
        )

    async def _publish(self, parent: Object, before: Status, after: Status) -> None:
        """Write the status where it differs, and tell as Events what is new in it."""
        if not await self._applier.patch_status(parent, after.to_json()):
            return
        for happening in happenings(before, after):
            log.info("%s: %s", happening.reason, happening.note)
            await self._tell(parent, event(parent, happening, self._now()))

    async def _tell(self, parent: Object, body: Mapping[str, Any]) -> None:
        """An Event is a courtesy: a server that refuses it stops no reconcile."""
        try:
            await self._applier.create_event(parent["metadata"]["namespace"], body)
        except ApiError as error:
            log.warning("the Event %s was refused: %s", body["reason"], error)


def _takes_away(work: Pass, decision: Decision) -> bool:
    return takes_away(decision, work.family, names.service(work.hcms.name))


def _is_to_be_recorded(work: Pass, decision: Decision) -> bool:
    """First the status, and what cannot be taken back in the next pass."""
    before = work.before
    return _takes_away(work, decision) and is_a_turn(
        before.stable_revision, before.rollout, decision
    )


def _blocked(work: Pass, problem: Problem) -> None:
    work.children_problem = work.children_problem or problem
    work.again.append(PROBLEM_RETRY_SECONDS)


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


def _phase_of(work: Pass) -> MigrationPhase:
    if not work.hcms.spec.migration.enabled:
        return MigrationPhase.NOT_NEEDED
    if work.migration is None:
        return MigrationPhase.PENDING
    return MigrationPhase(work.migration.phase)


def _pods_of(work: Pass) -> list[Object]:
    return [pod for pod in work.family.pods if observe.revision_of(pod) == work.target]


def _pod_problem(work: Pass) -> Problem | None:
    """Why the pods of the wanted revision do not get ready."""
    target = work.family.by_revision(DEPLOYMENT.name).get(work.target)
    return find_problem([target] if target else [], _pods_of(work))


def _selector(work: Pass, decision: Decision) -> str | None:
    """The autoscaler cannot read one that names no revision."""
    revisions = decision.serving or (work.target,)
    return labels.selector_text(work.hcms, revisions) if any(revisions) else None


def _migration_problem(work: Pass) -> Problem | None:
    """Why the pod of the migration Job does not start."""
    if work.migration is None or work.migration.phase not in ("Pending", "Running"):
        return None
    job = names.migration_job(work.hcms.name, work.migration.key)
    return find_problem([], observe.pods_of_job(work.family.job_pods, job))


def _connections(work: Pass) -> Connections:
    if work.sources is None:
        return Connections(0)
    allowed = work.migration.max_connections if work.migration else None
    rollout = work.before.rollout
    running = rollout.strategy if rollout and is_in_flight(rollout) else None
    return Connections(demand(work.hcms.spec, work.sources, running).connections, allowed)
