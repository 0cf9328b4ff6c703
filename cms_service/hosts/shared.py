"""Host names by which all tenants are reached. None of them can be a tenant's own: it would take
away the others' way. Pure.
"""

from collections.abc import Collection


class SharedHosts:
    """`named` are those of the deployment's routes, as they are compared; `service` and `namespace`
    are of its Service, whose names in the cluster are of this kind.
    """

    def __init__(self, named: Collection[str], service: str = "", namespace: str = "") -> None:
        self._named = frozenset(named)
        services = (service, f"{service}-preview") if service and namespace else ()
        self._in_cluster = tuple(f"{name}.{namespace}" for name in services)

    def __contains__(self, host: str) -> bool:
        return host in self._named or any(
            host == name or f"{host}.".startswith(f"{name}.svc.") for name in self._in_cluster
        )
