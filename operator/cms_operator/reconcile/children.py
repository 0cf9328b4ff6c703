"""All other children: made as asked, put right where they drifted, removed where nobody asks."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cms_operator.api import HeadlessCMS
from cms_operator.api.objects import Object
from cms_operator.api.problem import Problem
from cms_operator.cluster.keys import Key
from cms_operator.cluster.kinds import (
    BY_NAME,
    CHILDREN,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HTTP_ROUTE,
    INGRESS,
    JOB,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)
from cms_operator.cluster.transport.api_error import ApiError
from cms_operator.cluster.writing.apply import Applier, NameHeldError
from cms_operator.observed.family import Family
from cms_operator.reconcile.refusals import name_held, refusal
from cms_operator.reconcile.subject import Subject
from cms_operator.reconcile.verified import Name, Verified
from cms_operator.resources import labels, names
from cms_operator.resources.children import controller_revision
from cms_operator.resources.revision import Revision
from cms_operator.rollout.children import wanted_children
from cms_operator.rollout.decision import Decision

# Secrets hold what cannot be made again, Deployments go when the decision retires them, and a
# ServiceAccount may have become the user's, who names it in the spec.
PRUNED = frozenset(
    kind for kind in CHILDREN if kind.writable and kind not in (SECRET, DEPLOYMENT, SERVICE_ACCOUNT)
)

# Requests may still come by an old one where a new one could not be made.
_WAYS = frozenset((SERVICE.name, INGRESS.name, HTTP_ROUTE.name))


class Children:
    def __init__(self, applier: Applier, operator_namespace: str) -> None:
        self._applier = applier
        self._operator_namespace = operator_namespace
        self._verified = Verified()

    def forget(self, key: Key) -> None:
        self._verified.forget(key)

    async def record(self, subject: Subject, revision: Revision) -> None:
        """Keep what the revision is, before anything is made of it, and where the watch sees it.

        Raises NameHeldError, StaleReadError, ApiError.
        """
        known = subject.family.by_revision(CONTROLLER_REVISION.name)
        live = known.get(revision.hash)
        if live is None:
            number = 1 + max((int(found["revision"]) for found in known.values()), default=0)
        elif labels.MANAGED_BY in live["metadata"]["labels"]:
            return
        else:
            number = int(live["revision"])
        manifest = controller_revision.build(subject.hcms, revision, number)
        await self._applier.apply(manifest, subject.hcms.metadata.uid)

    async def apply(
        self,
        subject: Subject,
        decision: Decision,
        records: Collection[str],
        migration_key: str | None,
    ) -> Problem | None:
        """Make the children as asked; the first that could not be made is the problem, and names
        the kinds of the rest.

        The others are made all the same. `records` are the revisions that stay on record. Raises
        StaleReadError, ApiError.
        """
        hcms = subject.hcms
        wanted = wanted_children(hcms, subject.revisions, decision, self._operator_namespace)
        right = self._verified.of(Key(hcms.namespace, hcms.name), _asked(subject, decision))
        problems: dict[str, Problem] = {}
        for manifest in wanted:
            if problem := await self._try(manifest, hcms, right):
                problems.setdefault(manifest["kind"], problem)
        held = _WAYS if problems.keys() & _WAYS else frozenset()
        for kind, child in _unwanted(subject, wanted, decision, records, migration_key):
            if kind.name in held:
                continue
            if problem := await self._remove(kind, child):
                problems.setdefault(kind.name, problem)
        return _all_of(problems)

    async def _try(
        self, manifest: Object, hcms: HeadlessCMS, right: dict[Name, str]
    ) -> Problem | None:
        name = (manifest["kind"], manifest["metadata"]["name"])
        live = self._applier.known(manifest)
        version = live["metadata"]["resourceVersion"] if live else None
        if version is not None and right.get(name) == version:
            return None
        try:
            written = await self._applier.apply(manifest, hcms.metadata.uid)
            if not written and version is not None:
                right[name] = version
        except NameHeldError as held:
            return name_held(held, hcms)
        except ApiError as error:
            return refusal(error, manifest["kind"])
        return None

    async def _remove(self, kind: Kind, child: Object) -> Problem | None:
        try:
            await self._applier.delete(kind, child)
        except ApiError as error:
            return refusal(error, kind.name)
        return None


def _all_of(problems: Mapping[str, Problem]) -> Problem | None:
    if not problems:
        return None
    first, *others = problems
    more = f" The same holds for: {', '.join(others)}." if others else ""
    return Problem(problems[first].reason, problems[first].message + more)


def _asked(subject: Subject, decision: Decision) -> tuple[Any, ...]:
    """All that the manifests are made from."""
    recorded = [(name, subject.revisions.get(name)) for name in decision.sizes]
    shown = decision.active, decision.preview, decision.traffic
    return subject.hcms, decision.sizes, recorded, *shown


def _unwanted(
    subject: Subject,
    wanted: Iterable[Object],
    decision: Decision,
    records: Collection[str],
    migration_key: str | None,
) -> Iterator[tuple[Kind, Object]]:
    """Deployments without a pod, and whatever else the spec no longer asks for."""
    hcms, family = subject.hcms, subject.family
    deployments = family.by_revision(DEPLOYMENT.name)
    doomed = [(DEPLOYMENT, deployments[name]) for name in decision.retire if name in deployments]
    keep = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in wanted}
    keep |= _needed_by_deployments(hcms, family, decision)
    if migration_key:
        keep.add((JOB.name, names.migration_job(hcms.name, migration_key)))
        keep.add((JOB.name, names.contract_job(hcms.name, migration_key)))
    for name in records:
        keep.add((CONTROLLER_REVISION.name, names.controller_revision(hcms.name, name)))
    doomed += [
        (BY_NAME[kind_name], child)
        for kind_name, children in family.own.items()
        for name, child in children.items()
        if BY_NAME[kind_name] in PRUNED and (kind_name, name) not in keep
    ]
    doomed += [(BY_NAME[kind], stray) for kind, stray in family.strays if BY_NAME[kind] in PRUNED]
    for kind, child in doomed:
        if not child["metadata"].get("deletionTimestamp"):
            yield kind, child


def _needed_by_deployments(
    hcms: HeadlessCMS, family: Family, decision: Decision
) -> set[tuple[str, str]]:
    """A pod that starts late still mounts its revision's ConfigMap; a retired one has no pod."""
    living = {*family.by_revision(DEPLOYMENT.name), *decision.sizes} - {*decision.retire}
    return {(CONFIG_MAP.name, names.config_map(hcms.name, name)) for name in living} | {
        (DISRUPTION_BUDGET.name, names.disruption_budget(hcms.name, name))
        for name in living
        if name not in decision.sizes
    }
