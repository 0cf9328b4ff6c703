"""HeadlessCMS specs with bad input, each tried on the models and on a real API server."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bad:
    """`where` is the field to blame; `words` are in the message, where it is one of our rules."""

    title: str
    changes: dict[str, Any]
    where: str
    words: str = ""
    name: str = "shop"

    def __str__(self) -> str:
        return self.title


def _pod(**settings: Any) -> dict[str, Any]:
    return {"pod": settings}


def _env(**variable: Any) -> dict[str, Any]:
    return _pod(env=[variable])


def _volume(**volume: Any) -> dict[str, Any]:
    return _pod(volumes=[{"name": "data", **volume}])


def _mount(path: str, **settings: Any) -> dict[str, Any]:
    volumes = [{"name": "data", "emptyDir": {}}]
    mounts = [{"name": "data", "mountPath": path, **settings}]
    return _pod(volumes=volumes, volumeMounts=mounts)


def _toleration(**toleration: Any) -> dict[str, Any]:
    return _pod(tolerations=[toleration])


def _peer(**peer: Any) -> dict[str, Any]:
    return {"networkPolicy": {"allowHttpFrom": [peer]}}


def _route(**route: Any) -> dict[str, Any]:
    return {"route": {"host": "cms.example.com", **route}}


_ENV = "spec.pod.env[0]"
_MOUNT = "spec.pod.volumeMounts[0].mountPath"

BAD = [
    Bad("an unknown field", {"colour": "red"}, "spec.colour"),
    Bad("an unknown field further down", {"ports": {"https": 3443}}, "spec.ports.https"),
    Bad("no image", {"image": None}, "spec.image"),
    Bad("an empty image", {"image": ""}, "spec.image"),
    Bad("an image with a space", {"image": "cms: 1"}, "spec.image", "an image reference"),
    Bad("an image with capitals", {"image": "Registry/CMS"}, "spec.image", "an image reference"),
    Bad("a short digest", {"image": "cms@sha256:12"}, "spec.image", "an image reference"),
    Bad("an image of 600 characters", {"image": "a" * 600}, "spec.image"),
    Bad("an unknown pull policy", {"imagePullPolicy": "Sometimes"}, "spec.imagePullPolicy"),
    Bad(
        "a pull secret twice",
        {"imagePullSecrets": [{"name": "a"}, {"name": "a"}]},
        "spec.imagePullSecrets",
    ),
    Bad("a secret name with capitals", {"secretName": "Shop"}, "spec.secretName"),
    Bad(
        "no secret at all",
        {"secretName": None},
        "spec",
        "secretName or database.secretRef must be set",
    ),
    Bad(
        "no secret for Redis",
        {"secretName": None, "database": {"secretRef": {"name": "db", "key": "url"}}},
        "spec",
        "secretName or redis.secretRef must be set",
    ),
    Bad(
        "a signing key in the Secret that the operator makes",
        {"auth": {"jwtSecretRef": {"name": "shop-jwt", "key": "secret"}}},
        "spec.auth.jwtSecretRef.name",
        "must not be that of the Secret with the operator's keys",
    ),
    Bad(
        "all sources in the Secret that the operator makes",
        {"secretName": "shop-jwt"},
        "spec.secretName",
        "must not be that of the Secret with the operator's keys",
    ),
    Bad(
        "a secret reference without a key",
        {"database": {"secretRef": {"name": "db"}}},
        "spec.database.secretRef.key",
    ),
    Bad("minus one pods", {"replicas": -1}, "spec.replicas"),
    Bad("too many pods", {"replicas": 1001}, "spec.replicas"),
    Bad("pods as text", {"replicas": "3"}, "spec.replicas"),
    Bad(
        "min above max",
        {"autoscaling": {"minReplicas": 5, "maxReplicas": 4}},
        "spec.autoscaling.maxReplicas",
        "must be at least autoscaling.minReplicas",
    ),
    Bad(
        "min above the default max",
        {"autoscaling": {"minReplicas": 11}},
        "spec.autoscaling.maxReplicas",
        "must be at least autoscaling.minReplicas",
    ),
    Bad(
        "autoscaling without a target",
        {
            "autoscaling": {
                "targetCPUUtilizationPercentage": 0,
                "targetMemoryUtilizationPercentage": 0,
            }
        },
        "spec.autoscaling",
        "CPU or memory must have a target above 0",
    ),
    Bad(
        "autoscaling on CPU without a request",
        {"autoscaling": {}, "resources": {"requests": {"memory": "1Gi"}, "limits": {}}},
        "spec.autoscaling",
        "needs resources.requests.cpu",
    ),
    Bad(
        "no scaling policy",
        {"autoscaling": {"behavior": {"scaleUp": {"policies": []}}}},
        "spec.autoscaling.behavior.scaleUp.policies",
    ),
    Bad("a port twice", {"ports": {"admin": 3000}}, "spec.ports.admin", "must differ"),
    Bad("a port below 1024", {"ports": {"http": 80}}, "spec.ports.http"),
    Bad("a port above 65535", {"service": {"port": 65536}}, "spec.service.port"),
    Bad("an unknown type of Service", {"service": {"type": "ExternalName"}}, "spec.service.type"),
    Bad("a pool of nothing", {"database": {"poolSize": 0}}, "spec.database.poolSize"),
    Bad("an unknown Redis mode", {"redis": {"mode": "cloud"}}, "spec.redis.mode"),
    Bad(
        "sentinel without a master",
        {"redis": {"mode": "sentinel"}},
        "spec.redis.sentinelMaster",
        "is required when redis.mode is sentinel",
    ),
    Bad(
        "a master without sentinel",
        {"redis": {"sentinelMaster": "mymaster"}},
        "spec.redis.sentinelMaster",
        "is only for the redis.mode sentinel",
    ),
    Bad(
        "access tokens that outlive refresh tokens",
        {"auth": {"accessTokenSeconds": 3600, "refreshTokenSeconds": 600}},
        "spec.auth.refreshTokenSeconds",
        "must be at least auth.accessTokenSeconds",
    ),
    Bad(
        "a quantity that is none",
        {"resources": {"requests": {"cpu": "much"}}},
        "spec.resources.requests.cpu",
        "must be a quantity above zero",
    ),
    Bad(
        "a limit that is none",
        {"resources": {"limits": {"ephemeral-storage": "much"}}},
        "spec.resources.limits.ephemeral-storage",
        "must be a quantity above zero",
    ),
    Bad(
        "a quantity below zero",
        {"resources": {"limits": {"memory": "-1Gi"}}},
        "spec.resources.limits.memory",
        "must be a quantity above zero",
    ),
    Bad(
        "a request above the limit",
        {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "900m"}}},
        "spec.resources.requests.cpu",
        "must be at most limits.cpu",
    ),
    Bad(
        "a request above the default limit",
        {"resources": {"requests": {"memory": 1073741824}}},
        "spec.resources.requests.memory",
        "must be at most limits.memory",
    ),
    Bad(
        "a request of disk above the limit",
        {
            "resources": {
                "requests": {"ephemeral-storage": "2Gi"},
                "limits": {"ephemeral-storage": "1Gi"},
            }
        },
        "spec.resources.requests",
        "must be at most limits.ephemeral-storage",
    ),
    Bad(
        "a probe every 0 seconds",
        {"probes": {"liveness": {"periodSeconds": 0}}},
        "spec.probes.liveness.periodSeconds",
    ),
    Bad(
        "a label of the operator",
        _pod(labels={"app.kubernetes.io/instance": "other"}),
        "spec.pod.labels",
        "labels that the operator sets",
    ),
    Bad(
        "a label that is no label",
        _pod(labels={"not a label": "x"}),
        "spec.pod.labels",
        "every key must be a qualified name",
    ),
    Bad(
        "a way out of AppArmor",
        _pod(annotations={"container.apparmor.security.beta.kubernetes.io/api": "unconfined"}),
        "spec.pod.annotations",
        "ones that change security profiles",
    ),
    Bad(
        "a toleration without a key",
        _toleration(value="x"),
        "spec.pod.tolerations[0].key",
        "is required unless the operator is Exists",
    ),
    Bad(
        "a value for Exists",
        _toleration(key="a", operator="Exists", value="x"),
        "spec.pod.tolerations[0].value",
        "is only for the operator Equal",
    ),
    Bad(
        "seconds for NoSchedule",
        _toleration(key="a", effect="NoSchedule", tolerationSeconds=5),
        "spec.pod.tolerations[0].tolerationSeconds",
        "is only for the effect NoExecute",
    ),
    Bad(
        "a spread over few places that is a mere wish",
        _pod(topologySpreadConstraints=[{"topologyKey": "zone", "minDomains": 2}]),
        "spec.pod.topologySpreadConstraints[0].minDomains",
        "is only for whenUnsatisfiable: DoNotSchedule",
    ),
    Bad(
        "one spread twice",
        _pod(topologySpreadConstraints=[{"topologyKey": "zone"}, {"topologyKey": "zone"}]),
        "spec.pod.topologySpreadConstraints",
        "same topologyKey and whenUnsatisfiable",
    ),
    Bad(
        "a label whose name is too long",
        _pod(labels={"example.com/" + "a" * 64: "x"}),
        "spec.pod.labels",
        "every key must be a qualified name",
    ),
    *(
        Bad(
            f"a label whose domain has {title}",
            _pod(labels={key: "x"}),
            "spec.pod.labels",
            "every key must be a qualified name",
        )
        for title, key in (
            ("two dots on end", "a..b/c"),
            ("a dash before a dot", "a-.b/c"),
            ("a dot at its end", "a./c"),
            ("254 characters", f"{'a' * 254}/c"),
        )
    ),
    Bad(
        "a spread over places of no name",
        _pod(topologySpreadConstraints=[{"topologyKey": "a..b/zone"}]),
        "spec.pod.topologySpreadConstraints[0].topologyKey",
    ),
    Bad(
        "more annotations than an object may have",
        _pod(annotations={f"note-{number}": "x" for number in range(31)}),
        "spec.pod.annotations",
    ),
    Bad(
        "an affinity that compares a word with a number",
        _pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "a", "operator": "Gt", "values": ["x"]}]}
                        ]
                    }
                }
            }
        ),
        "spec.pod.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
        ".nodeSelectorTerms[0].matchExpressions[0].values",
        "Gt and Lt need a whole number",
    ),
    Bad(
        "an affinity that needs values",
        _pod(
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "a", "operator": "In"}]}
                        ]
                    }
                }
            }
        ),
        "nodeSelectorTerms[0].matchExpressions[0].values",
        "In and NotIn need values",
    ),
    Bad(
        "a variable of the operator",
        _env(name="DATABASE_URL", value="x"),
        f"{_ENV}.name",
        "is set by the operator",
    ),
    Bad("the operator's port", _env(name="PORT", value="1"), f"{_ENV}.name", "set by the operator"),
    Bad("a variable that begins with a digit", _env(name="1A"), f"{_ENV}.name", "must be letters"),
    Bad("a variable twice", _pod(env=[{"name": "A"}, {"name": "A"}]), "spec.pod.env"),
    Bad(
        "a variable with two values",
        _env(name="A", value="x", valueFrom={"secretKeyRef": {"name": "s", "key": "k"}}),
        _ENV,
        "only one of value and valueFrom",
    ),
    Bad(
        "a variable from nowhere",
        _env(name="A", valueFrom={}),
        f"{_ENV}.valueFrom",
        "exactly one of secretKeyRef and configMapKeyRef",
    ),
    Bad("a path of the node", _volume(hostPath={"path": "/"}), "spec.pod.volumes[0].hostPath"),
    Bad("a volume of nothing", _volume(), "spec.pod.volumes[0]", "exactly one of secret"),
    Bad(
        "a volume of two things",
        _volume(emptyDir={}, configMap={"name": "a"}),
        "spec.pod.volumes[0]",
        "exactly one of secret",
    ),
    Bad(
        "a volume of the operator",
        _pod(volumes=[{"name": "hcms-jwt", "emptyDir": {}}]),
        "spec.pod.volumes[0].name",
        "must not begin with hcms-",
    ),
    Bad(
        "a way out of a volume",
        _volume(configMap={"name": "a", "items": [{"key": "a", "path": "../etc/passwd"}]}),
        "spec.pod.volumes[0].configMap.items[0].path",
        "without . and ..",
    ),
    Bad(
        "a mount of no volume",
        _pod(volumeMounts=[{"name": "data", "mountPath": "/data"}]),
        "spec.pod.volumeMounts",
        "must name one of pod.volumes",
    ),
    Bad("a mount on the credentials", _mount("/etc/headlesscms/jwt"), _MOUNT, "must not lie on"),
    Bad("a mount on /tmp", _mount("/tmp"), _MOUNT, "must not lie on"),  # noqa: S108
    Bad("a mount that hides /etc", _mount("/etc"), _MOUNT, "must not lie on"),
    Bad("a mount on the root", _mount("/"), _MOUNT, "must be an absolute path"),
    Bad("a mount with dots", _mount("/data/../etc"), _MOUNT, "without . and .."),
    Bad("a mount with a dot", _mount("/etc/./headlesscms"), _MOUNT, "without . and .."),
    Bad("a mount at a relative path", _mount("data"), _MOUNT, "must be an absolute path"),
    Bad(
        "a way out below a volume",
        _mount("/data", subPath="a/.."),
        "spec.pod.volumeMounts[0].subPath",
        "without . and ..",
    ),
    Bad("a grace period too short to drain", _pod(terminationGracePeriodSeconds=5), "spec.pod"),
    Bad(
        "both kinds of disruption budget",
        {"podDisruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}},
        "spec.podDisruptionBudget",
        "only one of minAvailable and maxUnavailable",
    ),
    Bad(
        "more than all pods",
        {"podDisruptionBudget": {"minAvailable": "101%"}},
        "spec.podDisruptionBudget.minAvailable",
        "or a percentage such as 25%",
    ),
    Bad(
        "a budget of more pods than Kubernetes can count",
        {"podDisruptionBudget": {"minAvailable": 2**31}},
        "spec.podDisruptionBudget.minAvailable",
        "must be a number of pods",
    ),
    Bad(
        "a budget that is no number",
        {"podDisruptionBudget": {"maxUnavailable": True}},
        "spec.podDisruptionBudget.maxUnavailable",
    ),
    Bad(
        "an address that is no network",
        _peer(ipBlock={"cidr": "10.0.0.1/8"}),
        "spec.networkPolicy.allowHttpFrom[0].ipBlock.cidr",
        "must be a network such as",
    ),
    Bad(
        "an exception that is no part of the network",
        _peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "192.168.0.0/16"]}),
        "spec.networkPolicy.allowHttpFrom[0].ipBlock.except",
        "must be parts of cidr",
    ),
    Bad(
        "a network that leaves all of itself out",
        _peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
        "spec.networkPolicy.allowHttpFrom[0].ipBlock.except",
        "must be parts of cidr",
    ),
    Bad(
        "a peer that is nobody",
        _peer(),
        "spec.networkPolicy.allowHttpFrom[0]",
        "either ipBlock or selectors",
    ),
    Bad(
        "a peer that is two things",
        _peer(ipBlock={"cidr": "10.0.0.0/8"}, podSelector={}),
        "spec.networkPolicy.allowHttpFrom[0]",
        "either ipBlock or selectors",
    ),
    Bad(
        "a selector without values",
        _peer(podSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
        "spec.networkPolicy.allowHttpFrom[0].podSelector.matchExpressions[0].values",
        "values are for In and NotIn",
    ),
    Bad("an unknown log level", {"logLevel": "trace"}, "spec.logLevel"),
    Bad(
        "a number of candidates where nothing but pods makes the weight",
        {"rollout": {"canary": {"steps": [{"setCanaryScale": {"replicas": 1}}]}}},
        "spec.rollout.canary.steps",
        "needs route.gateway",
    ),
    Bad(
        "a step that says two things",
        {"rollout": {"canary": {"steps": [{"setWeight": 1, "pause": {}}]}}},
        "spec.rollout.canary.steps[0]",
        "exactly one of setWeight, pause, analysis and setCanaryScale",
    ),
    Bad(
        "a scale that follows no weight",
        _route(gateway={"name": "public"})
        | {"rollout": {"canary": {"steps": [{"setCanaryScale": {"matchTrafficWeight": False}}]}}},
        "spec.rollout.canary.steps[0].setCanaryScale.matchTrafficWeight",
        "must be true",
    ),
    Bad("a route to nowhere", _route(), "spec.route", "exactly one of ingress and gateway"),
    Bad(
        "a route by two ways",
        _route(ingress={}, gateway={"name": "public"}),
        "spec.route",
        "exactly one of ingress and gateway",
    ),
    Bad(
        "a certificate for a Gateway",
        _route(gateway={"name": "public"}, tls={"secretName": "tls"}),
        "spec.route.tls",
        "a Gateway has its certificates",
    ),
    Bad(
        "a host with a port",
        {"route": {"host": "cms.example.com:443", "ingress": {}}},
        "spec.route.host",
        "must be a host name",
    ),
    Bad(
        "an Ingress for an address",
        {"route": {"host": "10.0.0.1", "ingress": {}}},
        "spec.route.host",
        "must be a host name, not an IP address",
    ),
    Bad(
        "a tenant twice",
        {"tenants": [{"name": "acme", "ownerEmail": "a@b.c"}] * 2},
        "spec.tenants",
    ),
    Bad(
        "a tenant without an owner",
        {"tenants": [{"name": "acme"}]},
        "spec.tenants[0].ownerEmail",
    ),
    Bad(
        "an address that is no e-mail address",
        {"tenants": [{"name": "acme", "ownerEmail": "nobody"}]},
        "spec.tenants[0].ownerEmail",
        "must be an e-mail address",
    ),
    *(
        Bad(
            f"an address {title}",
            {"tenants": [{"name": "acme", "ownerEmail": address}]},
            "spec.tenants[0].ownerEmail",
            "must be an e-mail address",
        )
        for title, address in (
            ("without a dot", "admin@localhost"),
            ("that ends with a dot", "owner@example.com."),
            ("with two dots on end", "owner@example..com"),
            ("with a no-break space", "owner@example.com\u00a0"),
            ("with a space of another width", "owner\u2003@example.com"),
        )
    ),
    Bad(
        "51 tenants",
        {"tenants": [{"name": f"t{number}", "ownerEmail": "a@b.c"} for number in range(51)]},
        "spec.tenants",
    ),
    Bad(
        "tenants that nobody makes",
        {"migration": {"enabled": False}, "tenants": [{"name": "acme", "ownerEmail": "a@b.c"}]},
        "spec.tenants",
        "need migration.enabled",
    ),
    Bad(
        "limits that nobody writes",
        {"migration": {"enabled": False}, "tenantLimits": {"entries": 5}},
        "spec.tenantLimits",
        "need migration.enabled",
    ),
    Bad("less than nothing", {"tenantLimits": {"entries": -1}}, "spec.tenantLimits.entries"),
    Bad("a limit of nothing known", {"tenantLimits": {"pages": 5}}, "spec.tenantLimits.pages"),
    Bad(
        "a proxy that is no network",
        {"trustedProxies": ["10.0.0.1/8"]},
        "spec.trustedProxies[0]",
        "must be a network such as 10.0.0.0/8",
    ),
    Bad(
        "a variable that a field stands for",
        _env(name="TRUSTED_PROXIES", value="10.0.0.0/8"),
        "spec.pod.env[0].name",
        "use the field of spec that stands for it",
    ),
    Bad("an unknown strategy", {"rollout": {"strategy": "Hope"}}, "spec.rollout.strategy"),
    Bad(
        "a step that pauses and measures",
        {"rollout": {"canary": {"steps": [{"pause": {}, "analysis": {}}]}}},
        "spec.rollout.canary.steps[0]",
        "exactly one of setWeight, pause, analysis and setCanaryScale must be set",
    ),
    Bad(
        "more errors than there are requests",
        {"rollout": {"analysis": {"errors": {"maxPercent": 120}}}},
        "spec.rollout.analysis.errors.maxPercent",
        "must be from 0 to 99",
    ),
    Bad(
        "a candidate that must be faster",
        {"rollout": {"analysis": {"latency": {"maxRatioP99": "0.5"}}}},
        "spec.rollout.analysis.latency.maxRatioP99",
        "must be from 1 to 1000",
    ),
    Bad(
        "a limit that is no number",
        {"rollout": {"analysis": {"errors": {"maxPercent": "few"}}}},
        "spec.rollout.analysis.errors.maxPercent",
        "must be a number of at most 12 digits",
    ),
    Bad(
        "a measure by the name of a built-in one",
        {
            "rollout": {
                "analysis": {
                    "measures": [{"name": "errors", "prometheus": {"query": "up"}, "max": 1}]
                }
            }
        },
        "spec.rollout.analysis.measures",
        "must not have the name of one that is always there",
    ),
    Bad(
        "a deadline that cannot be kept",
        {"rollout": {"minReadySeconds": 60, "progressDeadlineSeconds": 60}},
        "spec.rollout.minReadySeconds",
        "must be less than rollout.progressDeadlineSeconds",
    ),
    Bad(
        "a name with a dot",
        {},
        "metadata.name",
        "must be at most 63 lower-case letters",
        name="shop.example",
    ),
    Bad(
        "a name that begins with a digit", {}, "metadata.name", "begin with a letter", name="1shop"
    ),
    Bad("a name of 64 characters", {}, "metadata.name", "at most 63", name="a" * 64),
]
