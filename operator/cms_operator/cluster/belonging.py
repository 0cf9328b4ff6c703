"""Which HeadlessCMS an object says it is a child of, and whether it can be one.

Whoever may write an object of a namespace may write any owner into it, our labels and any name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from cms_operator.api.objects import Object
from cms_operator.cluster.kinds import (
    AUTOSCALER,
    CONFIG_MAP,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    DISRUPTION_BUDGET,
    HEADLESS_CMS,
    HTTP_ROUTE,
    INGRESS,
    JOB,
    NETWORK_POLICY,
    SECRET,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)
from cms_operator.resources import names

# The API server bounds neither in an owner reference; no HeadlessCMS has a longer name or uid.
_LONGEST = 63
_MOST = 3
_READ = ("kind", "name", "uid", "controller")


class Owner(NamedTuple):
    name: str
    uid: str


def owner_of(metadata: Object) -> Owner | None:
    """The HeadlessCMS that is said to control it."""
    for reference in owner_references(metadata):
        if reference.get("controller"):
            return Owner(reference["name"], reference["uid"])
    return None


def owner_references(metadata: Object) -> Sequence[Object]:
    """The first of those that a HeadlessCMS can be meant by, what controls it before all."""
    found = [
        {name: reference[name] for name in _READ if name in reference}
        for reference in metadata.get("ownerReferences") or ()
        if reference["kind"] == HEADLESS_CMS.name
        and max(len(reference["name"]), len(reference["uid"])) <= _LONGEST
    ]
    return sorted(found, key=lambda reference: not reference.get("controller"))[:_MOST]


# Of the owner's name and of the last part of the child's: a revision, or a migration's key.
_NAMES: Mapping[Kind, tuple[Callable[[str, str], str], ...]] = {
    SERVICE_ACCOUNT: (lambda owner, _: names.service_account(owner),),
    SECRET: (
        lambda owner, _: names.jwt_secret(owner),
        lambda owner, _: names.database_secret(owner),
        lambda owner, _: names.admin_secret(owner),
    ),
    CONFIG_MAP: (names.config_map,),
    CONTROLLER_REVISION: (names.controller_revision,),
    JOB: (names.migration_job, names.contract_job),
    DEPLOYMENT: (names.deployment,),
    SERVICE: (
        lambda owner, _: names.service(owner),
        lambda owner, _: names.preview_service(owner),
    ),
    DISRUPTION_BUDGET: (names.disruption_budget,),
    NETWORK_POLICY: (lambda owner, _: names.network_policy(owner),),
    AUTOSCALER: (lambda owner, _: names.autoscaler(owner),),
    INGRESS: (lambda owner, _: names.route(owner),),
    HTTP_ROUTE: (lambda owner, _: names.route(owner),),
}


def has_a_childs_name(kind: Kind, metadata: Object, owner: Owner) -> bool:
    """One that the operator gives to a child of this kind."""
    name = metadata["name"]
    last = name.rpartition("-")[2]
    return any(name == give(owner.name, last) for give in _NAMES[kind])
