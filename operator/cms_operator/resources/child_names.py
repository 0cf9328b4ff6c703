"""The names that the children of a HeadlessCMS have, by kind."""

from collections.abc import Callable, Mapping

from cms_operator.resources import names

_FIXED: Mapping[str, tuple[Callable[[str], str], ...]] = {
    "ServiceAccount": (names.service_account,),
    "Secret": (names.jwt_secret, names.database_secret, names.admin_secret),
    "Service": (names.service, names.preview_service),
    "NetworkPolicy": (names.network_policy,),
    "HorizontalPodAutoscaler": (names.autoscaler,),
    "Ingress": (names.route,),
    "HTTPRoute": (names.route,),
}
# With a revision, or a migration's key, at their end.
_BY_HASH: Mapping[str, tuple[Callable[[str, str], str], ...]] = {
    "Deployment": (names.deployment,),
    "ConfigMap": (names.config_map,),
    "ControllerRevision": (names.controller_revision,),
    "PodDisruptionBudget": (names.disruption_budget,),
    "Job": (names.migration_job, names.contract_job),
}


def is_childs(owner: str, kind: str, name: str) -> bool:
    """Whether a child of this kind may have the name, whatever its revision or key."""
    last = name.rpartition("-")[2]
    return any(name == give(owner) for give in _FIXED.get(kind, ())) or any(
        name == give(owner, last) for give in _BY_HASH.get(kind, ())
    )
