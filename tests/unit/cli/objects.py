"""Objects as kubectl hands them over."""

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
STEPS = [{"setWeight": 34}, {"pause": {"duration": "5m"}}, {"setWeight": 67}, {"pause": {}}]


def revision(name: str, pods: int, *, made: str, stable: str | None = None) -> dict[str, Any]:
    found = {
        "name": name,
        "image": f"registry.example/cms:{name}",
        "replicas": pods,
        "readyReplicas": pods,
        "createdAt": made,
    }
    return {**found, "stableAt": stable} if stable else found


def hcms(**status: Any) -> dict[str, Any]:
    return {
        "apiVersion": "headlesscms.io/v1alpha1",
        "kind": "HeadlessCMS",
        "metadata": {
            "name": "shop",
            "namespace": "team-a",
            "creationTimestamp": "2025-12-30T12:00:00Z",
        },
        "spec": {
            "image": "registry.example/cms:b",
            "secretName": "source",
            "replicas": 3,
            "rollout": {"strategy": "Canary", "canary": {"steps": STEPS}},
        },
        "status": {
            "strategy": "Canary",
            "address": "shop.team-a.svc",
            "readyReplicas": 3,
            "stableRevision": "a",
            "updatedRevision": "b",
            "revisions": [
                revision("b", 1, made="2026-01-01T11:55:00Z"),
                revision("a", 2, made="2025-12-30T12:00:00Z", stable="2025-12-30T12:01:00Z"),
                revision("0", 0, made="2025-12-29T12:00:00Z", stable="2025-12-29T12:01:00Z"),
            ],
            **status,
        },
    }


def rollout(**found: Any) -> dict[str, Any]:
    return {
        "revision": "b",
        "previous": "a",
        "strategy": "Canary",
        "phase": "Paused",
        "currentStepIndex": 1,
        "steps": 4,
        "setWeight": 34,
        "actualWeight": 33,
        **found,
    }


def pod(name: str, of: str, **status: Any) -> dict[str, Any]:
    container = {"ready": True, "restartCount": 0, "state": {"running": {}}}
    return {
        "kind": "Pod",
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-01-01T11:56:00Z",
            "labels": {"headlesscms.io/revision": of},
        },
        "spec": {"containers": [{}]},
        "status": {"phase": "Running", "containerStatuses": [container], **status},
    }


def condition(kind: str, status: str, reason: str, message: str = "m") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message}


def record(name: str, number: int, inputs: Any, config: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"shop-{name}",
            "creationTimestamp": "2026-01-01T11:00:00Z",
            "labels": {"headlesscms.io/revision": name},
        },
        "revision": number,
        "data": {"inputs": inputs, "config": config, "template": {}},
    }
