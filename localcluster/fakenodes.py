"""The nodes that KWOK pretends to run, and what KWOK itself may do."""

from collections.abc import Iterator
from typing import Any

USER = "kwok"
# Large enough for a thousand tenants with the default requests.
PODS_OF_A_NODE = 1000
CAPACITY = {"cpu": "256", "memory": "1Ti", "pods": str(PODS_OF_A_NODE)}
ZONES = ("zone-a", "zone-b", "zone-c")


def nodes(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        name = f"fake-{number}"
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "topology.kubernetes.io/zone": ZONES[number % len(ZONES)],
        }
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "status": {"capacity": CAPACITY, "allocatable": CAPACITY},
        }


def role() -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": USER},
        "rules": [
            _rule("", ("nodes", "pods"), ("get", "list", "watch", "patch", "update", "delete")),
            _rule("", ("nodes/status", "pods/status"), ("patch", "update")),
            _rule("", ("events",), ("create", "patch", "update")),
            _rule("coordination.k8s.io", ("leases",), ("get", "list", "watch", "create", "patch")),
            _rule("coordination.k8s.io", ("leases",), ("update", "delete")),
        ],
    }


def binding() -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": USER},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": group, "kind": "User", "name": USER}],
    }


def _rule(group: str, resources: tuple[str, ...], verbs: tuple[str, ...]) -> dict[str, Any]:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
