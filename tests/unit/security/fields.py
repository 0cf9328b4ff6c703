"""Every field of spec, and manifests that together set them all."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from cms_operator.api.crd import build

Schema = Mapping[str, Any]
Spec = dict[str, Any]
MAP = "{}"
LIST = "[]"

SELECTOR: Spec = {
    "matchLabels": {"team": "content"},
    "matchExpressions": [{"key": "app", "operator": "In", "values": ["redis"]}],
}
_NEIGHBOURS: Spec = {
    "topologyKey": "topology.kubernetes.io/zone",
    "labelSelector": SELECTOR,
    "namespaces": ["data"],
    "namespaceSelector": SELECTOR,
}
_NODES: Spec = {
    "matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}],
    "matchFields": [{"key": "metadata.name", "operator": "NotIn", "values": ["node-9"]}],
}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_POD_AFFINITY: Spec = {
    _REQUIRED: [_NEIGHBOURS],
    _PREFERRED: [{"weight": 1, "podAffinityTerm": _NEIGHBOURS}],
}
_AFFINITY: Spec = {
    "nodeAffinity": {
        _REQUIRED: {"nodeSelectorTerms": [_NODES]},
        _PREFERRED: [{"weight": 1, "preference": _NODES}],
    },
    "podAffinity": _POD_AFFINITY,
    "podAntiAffinity": _POD_AFFINITY,
}
_PEERS: list[Spec] = [
    {"namespaceSelector": SELECTOR, "podSelector": SELECTOR},
    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
]
_POLICIES: Spec = {
    "selectPolicy": "Max",
    "stabilizationWindowSeconds": 10,
    "policies": [{"type": "Pods", "value": 1, "periodSeconds": 30}],
}
_CHECK: Spec = {
    "initialDelaySeconds": 1, "periodSeconds": 3, "timeoutSeconds": 4, "failureThreshold": 61,
}  # fmt: skip
_ITEMS: list[Spec] = [{"key": "ca.crt", "path": "certs/ca.crt"}]
_AMOUNTS: Spec = {"cpu": "1", "memory": "1Gi", "ephemeral-storage": "2Gi"}
_STEP: Spec = {"count": 3, "minSamples": 10}
_HEALTH: Spec = {"failureLimit": 1, "dryRun": True}

_POD: Spec = {
    "labels": {"team": "content"},
    "annotations": {"example.com/owner": "content"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "affinity": _AFFINITY,
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "cms", "effect": "NoSchedule"},
        {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
    ],
    "topologySpreadConstraints": [
        {
            "topologyKey": "topology.kubernetes.io/zone",
            "maxSkew": 2,
            "whenUnsatisfiable": "DoNotSchedule",
            "minDomains": 2,
            "nodeAffinityPolicy": "Honor",
            "nodeTaintsPolicy": "Ignore",
            "labelSelector": SELECTOR,
        }
    ],
    "priorityClassName": "important",
    "serviceAccountName": "shop-identity",
    "env": [
        {"name": "REGION", "value": "eu"},
        {
            "name": "KEY",
            "valueFrom": {"secretKeyRef": {"name": "features", "key": "key", "optional": True}},
        },
        {
            "name": "PLACE",
            "valueFrom": {"configMapKeyRef": {"name": "place", "key": "key", "optional": True}},
        },
    ],
    "volumes": [
        {"name": "ca", "configMap": {"name": "bundle", "items": _ITEMS, "optional": True}},
        {"name": "key", "secret": {"secretName": "client", "items": _ITEMS, "optional": True}},
        {"name": "cache", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "disk", "persistentVolumeClaim": {"claimName": "disk", "readOnly": True}},
    ],
    "volumeMounts": [{"name": "ca", "mountPath": "/certs", "subPath": "ca.crt", "readOnly": True}],
    "terminationGracePeriodSeconds": 60,
}
_ANALYSIS: Spec = {
    "enabled": True,
    "startingStep": 0,
    "intervalSeconds": 10,
    "warmUpSeconds": 30,
    "minSamples": 100,
    "noDataSeconds": 300,
    "onNoData": "Pause",
    "onError": "Pause",
    "consecutiveErrorLimit": 4,
    "synthetic": {"path": "/v1/delivery/acme/article", "perPod": 20},
    "errors": {"maxPercent": 1, "maxRatio": 2, "dryRun": True},
    "latency": {"maxRatioP50": 2, "maxRatioP99": 3, "dryRun": True},
    "database": _HEALTH,
    "cache": _HEALTH,
    "readiness": _HEALTH,
    "restarts": _HEALTH,
    "measures": [
        {
            "name": "failures",
            "prometheus": {"query": 'sum(errors{revision="{{candidate}}"})'},
            "max": 2,
            "min": "0.5",
            "failureLimit": 1,
            "consecutiveErrorLimit": 4,
            "dryRun": True,
        },
        {"name": "orders", "webhook": {"service": "judge", "port": 8080, "path": "/verdict"}},
    ],
}
_ROLLOUT: Spec = {
    "strategy": "Canary",
    "maxSurge": "25%",
    "maxUnavailable": 1,
    "canary": {
        "steps": [
            {"setWeight": 50},
            {"pause": {"duration": "30s"}},
            {"analysis": _STEP},
        ]
    },
    "blueGreen": {
        "autoPromotionEnabled": True,
        "autoPromotionSeconds": 1,
        "prePromotionAnalysis": _STEP,
        "postPromotionAnalysis": _STEP,
        "scaleDownDelaySeconds": 30,
    },
    "analysis": _ANALYSIS,
    "bakeSeconds": 60,
    "paused": True,
    "progressDeadlineSeconds": 300,
    "minReadySeconds": 5,
    "revisionHistoryLimit": 3,
    "rollbackWindow": {"revisions": 1},
}

INGRESS: Spec = {
    "image": "registry.example/cms:1.2.3",
    "imagePullPolicy": "Always",
    "imagePullSecrets": [{"name": "regcred"}],
    "secretName": "shop-cms",
    "replicas": 4,
    "autoscaling": {
        "minReplicas": 2,
        "maxReplicas": 12,
        "targetCPUUtilizationPercentage": 60,
        "targetMemoryUtilizationPercentage": 10,
        "behavior": {"scaleDown": _POLICIES, "scaleUp": _POLICIES},
    },
    "ports": {"http": 3001, "admin": 9001},
    "service": {"port": 8080, "type": "NodePort", "annotations": {"example.com/zone": "a"}},
    "database": {
        "secretRef": {"name": "shop-postgresql", "key": "service"},
        "migrationSecretRef": {"name": "shop-postgresql", "key": "owner"},
        "readReplicaSecretRef": {"name": "shop-postgresql", "key": "replica"},
        "ca": {"secretKeyRef": {"name": "trust", "key": "ca.crt"}},
        "poolSize": 5,
        "poolTimeoutSeconds": 3,
    },
    "redis": {
        "secretRef": {"name": "shop-redis", "key": "url"},
        "ca": {"secretKeyRef": {"name": "trust", "key": "ca.crt"}},
        "mode": "sentinel",
        "sentinelMaster": "mymaster",
    },
    "auth": {
        "jwtSecretRef": {"name": "shop-jwt-source", "key": "key"},
        "accessTokenSeconds": 600,
        "refreshTokenSeconds": 86400,
    },
    "resources": {"requests": _AMOUNTS, "limits": _AMOUNTS},
    "probes": {"liveness": _CHECK, "readiness": _CHECK, "startup": _CHECK},
    "pod": _POD,
    "podDisruptionBudget": {"enabled": True, "minAvailable": "50%"},
    "networkPolicy": {"enabled": True, "allowHttpFrom": _PEERS, "allowMetricsFrom": _PEERS},
    "logLevel": "debug",
    "route": {
        "host": "cms.example.com",
        "tls": {"secretName": "shop-tls"},
        "ingress": {"className": "nginx", "annotations": {"example.com/timeout": "10"}},
    },
    "trustedProxies": ["10.0.0.0/8"],
    "tenants": [{"name": "acme", "displayName": "Acme Ltd.", "ownerEmail": "owner@acme.example"}],
    "tenantLimits": {
        "contentTypes": 1, "entries": 1, "users": 1, "roles": 1, "apiKeys": 1, "hosts": 1,
        "bytes": 1,
    },
    "migration": {"enabled": True, "timeoutSeconds": 300, "lockTimeoutSeconds": 5},
    "rollout": _ROLLOUT,
    "suspend": True,
}  # fmt: skip
# What excludes something above, on the shortest manifest that takes it.
GATEWAY: Spec = {
    "image": "registry.example/cms:1.2.3",
    "secretName": "shop-cms",
    "database": {"ca": {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}}},
    "redis": {"ca": {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}}},
    "podDisruptionBudget": {"maxUnavailable": 1},
    "migration": {"enabled": True},  # as false it excludes tenants
    "route": {
        "host": "cms.example.com",
        "gateway": {"name": "public", "namespace": "gateways", "sectionName": "https"},
    },
    "rollout": {
        "canary": {
            "steps": [
                {"setCanaryScale": {"replicas": 1}},
                {"setCanaryScale": {"weight": 10}},
                {"setCanaryScale": {"matchTrafficWeight": True}},
            ]
        }
    },
}
SPECS = (INGRESS, GATEWAY)

Step = str | int
Place = tuple[Step, ...]


def schema() -> Schema:
    crd = build()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Schema = crd["properties"]["spec"]
    return found


@cache
def leaves() -> Mapping[str, Schema]:
    """The leaves by path, such as pod.env[].name and pod.labels{}, which stands for its keys as
    well.
    """
    return dict(_leaves(schema(), ""))


def _leaves(found: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    if "properties" in found:
        for name, inner in found["properties"].items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif "items" in found:
        yield from _leaves(found["items"], path + LIST)
    elif isinstance(found.get("additionalProperties"), Mapping):
        yield from _leaves(found["additionalProperties"], path + MAP)
    else:
        yield path, found


def places(found: Any, path: str = "", place: Place = ()) -> Iterator[tuple[str, Place]]:
    """The leaves that a spec sets, and where."""
    if isinstance(found, Mapping) and path + MAP in leaves():
        yield from ((path + MAP, (*place, key)) for key in found)
    elif isinstance(found, Mapping):
        for name, inner in found.items():
            yield from places(inner, f"{path}.{name}" if path else name, (*place, name))
    elif isinstance(found, Sequence) and not isinstance(found, str):
        for number, inner in enumerate(found):
            yield from places(inner, path + LIST, (*place, number))
    else:
        yield path, place


@cache
def examples() -> Mapping[str, tuple[Spec, Place]]:
    """A spec for each leaf that sets it, and where it stands there."""
    return {path: (spec, place) for spec in reversed(SPECS) for path, place in places(spec)}


def changed(found: Any, place: Place, value: Any, *, key: str | None = None) -> Any:
    """A copy with another value there, or the same under another key of its map."""
    step, *rest = place
    copy: Any = dict(found) if isinstance(found, Mapping) else list(found)
    if rest:
        copy[step] = changed(found[step], tuple(rest), value, key=key)
    elif key is not None:
        copy[key] = copy.pop(step)
    else:
        copy[step] = value
    return copy


def value_at(found: Any, place: Place) -> Any:
    for step in place:
        found = found[step]
    return found
