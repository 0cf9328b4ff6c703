"""What the pure core is shown of a pass: the snapshot to decide on, and the facts to report."""

from collections.abc import Mapping
from datetime import datetime

from cms_operator.api.objects import Object
from cms_operator.api.problem import Problem
from cms_operator.api.status import AdoptionStatus, JobPhase, Status, is_under_way
from cms_operator.cluster.cache.store import Store
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import (
    CONTROLLER_REVISION,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    HTTP_ROUTE,
    INGRESS,
    JOB,
    POD,
    SERVICE,
)
from cms_operator.observed.addresses import find_address
from cms_operator.observed.deployments import revision_states
from cms_operator.observed.diagnosis import (
    failure_of,
    find_job_problem,
    find_problem,
    next_look,
)
from cms_operator.observed.endpoints import serving_endpoints
from cms_operator.observed.family import revision_of
from cms_operator.observed.jobs import migration_phase, pods_of_job
from cms_operator.observed.routes import route_state, with_traffic
from cms_operator.observed.snapshot import RouteState, Snapshot
from cms_operator.reconcile.adoption import finished
from cms_operator.reconcile.work import Work, family_of, schemas_of
from cms_operator.reporting.facts import Connections, Facts
from cms_operator.reporting.revisions import revision_statuses, version_of
from cms_operator.resources import labels, names
from cms_operator.resources.sources.connections import demand
from cms_operator.rollout.decision import Decision
from cms_operator.rollout.history import formerly_stable, stable_times
from cms_operator.rollout.transitions import is_in_flight


def snapshot_of(work: Work) -> Snapshot:
    family, name = work.family, work.hcms.name
    deployments = family.of_kind(DEPLOYMENT.name).values()
    endpoints, preview = (
        serving_endpoints(family.slices, family.pods, service)
        for service in (names.service(name), names.preview_service(name))
    )
    route = _route(work, endpoints)
    answering = with_traffic(route, preview) if route else endpoints
    return Snapshot(
        replicas=work.hcms.spec.wanted_pods,
        target=work.target,
        now=work.now,
        stable=work.before.stable_revision,
        rollout=work.hcms.spec.rollout,
        progress=work.before.rollout,
        migration=_phase_of(work),
        schemas=schemas_of(work),
        revisions=revision_states(deployments, answering, preview),
        requests=work.requests,
        failure=failure_of(_pods_of(work, work.target), _aimed_at_since(work)),
        suspended=work.hcms.spec.suspend,
        problem=_pod_problem(work),
        pin=work.wanted.pin,
        answers=work.wanted.answers,
        judgement=work.judgement.status,
        reading_due=work.judgement.due,
        route=route,
        formerly=formerly_stable(work.before),
        autoscaled=work.hcms.spec.autoscaling is not None,
    )


def count_answering(parent: Object, before: Status, store: Store) -> tuple[int, int]:
    """How many pods answer, of how many that are wanted, whatever is wrong with the spec or the
    children.
    """
    metadata, wanted = parent["metadata"], parent["spec"].get("replicas")
    key = Key(metadata["namespace"], metadata["name"])
    family = family_of(store, key, metadata["uid"], POD, ENDPOINT_SLICE)
    service = names.service(key.name)
    serving = serving_endpoints(family.slices, family.pods, service)
    return sum(serving.values()), wanted if isinstance(wanted, int) else before.replicas or 0


def facts_of(work: Work, decision: Decision, snapshot: Snapshot) -> Facts:
    hcms, family = work.hcms, work.family
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
        secrets_problem=work.secrets_problem,
        children_problem=work.children_problem,
        migration=work.migration,
        migration_problem=_migration_problem(work),
        contract_problem=_contract_problem(work),
        stable_problem=_stable_problem(work, decision, snapshot),
        keys=work.keys,
        revisions=revision_statuses(
            family.by_revision(CONTROLLER_REVISION.name),
            work.revisions,
            snapshot,
            stable_times(work.before, decision.stable, work.wanted.pin, work.now),
        ),
        version=version_of(stable.image) if stable else None,
        selector=_selector(work, decision),
        address=address.value,
        address_pending=address.pending,
        restart=work.wanted.restart,
        adoption=_adopted(work, decision),
    )


def _adopted(work: Work, decision: Decision) -> AdoptionStatus | None:
    """It is over when no child is missed any more."""
    whole = decision.stable is not None and not work.children_problem
    if work.adoption is None or work.hcms.spec.suspend or not whole:
        return work.adoption
    return finished(work.adoption, work.now)


def _phase_of(work: Work) -> JobPhase | None:
    if work.contract_ends:
        return "Running"
    if not work.hcms.spec.migration.enabled or work.wanted.pin:  # a rollback goes to a migrated one
        return None
    if work.migration is None:
        return "Pending"
    return work.migration.phase


def _route(work: Work, endpoints: Mapping[str, int]) -> RouteState | None:
    route, name = work.hcms.spec.route, work.hcms.name
    if route is None or route.gateway is None:
        return None
    found = work.family.of_kind(HTTP_ROUTE.name).get(names.route(name))
    services = work.family.of_kind(SERVICE.name)
    return route_state(name, route.gateway, found, services, endpoints)


def _aimed_at_since(work: Work) -> datetime:
    """When the rollout to the target began; now, where that is still to come."""
    progress = work.before.rollout
    return progress.started_at if progress and progress.revision == work.target else work.now


def _pods_of(work: Work, revision: str) -> list[Object]:
    return [pod for pod in work.family.pods if revision_of(pod) == revision]


def _pod_problem(work: Work) -> Problem | None:
    """Why the pods of the wanted revision do not get ready."""
    return _problem_of(work, work.target)


def _stable_problem(work: Work, decision: Decision, snapshot: Snapshot) -> Problem | None:
    if decision.stable is None or decision.stable == work.target:
        return snapshot.problem
    return _problem_of(work, decision.stable)


def _problem_of(work: Work, revision: str) -> Problem | None:
    deployment = work.family.by_revision(DEPLOYMENT.name).get(revision)
    pods = _pods_of(work, revision)
    return find_problem([deployment] if deployment else [], pods, work.now)


def _selector(work: Work, decision: Decision) -> str | None:
    """The status's selector; None where it would name no revision: no autoscaler reads that."""
    revisions = decision.serving or (work.target,)
    return labels.selector_text(work.hcms, revisions) if any(revisions) else None


def _migration_problem(work: Work) -> Problem | None:
    if work.migration is None:
        return None
    job = names.migration_job(work.hcms.name, work.migration.key)
    return _job_problem(work, work.migration.phase, job)


def _contract_problem(work: Work) -> Problem | None:
    if work.migration is None or work.migration.contract is None:
        return None
    job = names.contract_job(work.hcms.name, work.migration.key)
    return _job_problem(work, work.migration.contract.phase, job)


def _job_problem(work: Work, phase: JobPhase, job: str) -> Problem | None:
    """Why the pod of a Job does not start."""
    found = work.family.of_kind(JOB.name).get(job)
    if found is None or not is_under_way(phase):
        return None
    return find_job_problem(found, pods_of_job(work.family.job_pods, job), work.now)


def next_diagnosis(work: Work) -> float | None:
    """Seconds after which what is starting now would be a problem, and no event tells of it."""
    family = work.family
    without_pod = [
        job
        for name, job in family.of_kind(JOB.name).items()
        if migration_phase(job) == "Running" and not pods_of_job(family.job_pods, name)
    ]
    return next_look((*family.pods, *family.job_pods), without_pod, work.now)


def _connections(work: Work) -> Connections:
    allowed = work.migration.max_connections if work.migration else None
    if work.sources is None:
        return Connections(None, allowed)
    rollout = work.before.rollout
    running = rollout.strategy if rollout and is_in_flight(rollout) else None
    return Connections(demand(work.hcms.spec, work.sources, running).connections, allowed)
