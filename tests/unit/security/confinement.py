"""How each field of spec is kept from leading out of its namespace.

A new field belongs into this table, with a thought about what its owner could do with it. The
owner has edit rights in the namespace: may make pods there, and read its Secrets, without us.
"""

import re
from collections.abc import Iterator
from enum import Enum

_NODES = "pod.affinity.nodeAffinity"
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NEIGHBOURS = (
    f"pod.affinity.<podAffinity|podAntiAffinity>.<{_REQUIRED}[]|{_PREFERRED}[].podAffinityTerm>"
)
_SELECTOR = "<matchLabels{}|matchExpressions[].<key|operator|values[]>>"
_TERM = "<matchExpressions[]|matchFields[]>.<key|operator|values[]>"
_CHECK = "<initialDelaySeconds|periodSeconds|timeoutSeconds|failureThreshold>"
_AMOUNT = "<cpu|memory|ephemeral-storage>"
_ANALYSIS = "rollout.analysis"
_MEASURE = f"{_ANALYSIS}.measures[]"


class Confinement(Enum):
    """The value is the reason that holds for all fields of the kind."""

    AMOUNT = "a number within bounds: how many pods, how much of a node, how long"
    SWITCH = "one of few words, or yes and no, about the own pods and their release"
    OWN_OBJECT = "a name without a namespace beside it: the object is in the own one"
    OWN_TEXT = "a text that only the own pods and their tenants see"
    IDENTITY = "a ServiceAccount of the own namespace, of which no token is mounted"
    PLACE = "where the own pods run; the chart's policies can forbid it"
    NEIGHBOURS = "counts pods by labels; the chart's policies can forbid other namespaces"
    OPENS = "lets others reach the own pods"
    METADATA = "labels and annotations of own children; the chart's policies can forbid them"
    IMAGE = "runs in a restricted pod; the chart's policies can name the registries"
    HOST = "a host name of the route; the chart's policies can name the domains"
    GATEWAY = "a Gateway, which decides by its allowedRoutes whose routes it takes"
    QUERY = "asked with the operator's token; a proxy or the chart's policies can confine it"
    OWN_SERVICE = "asked at the cluster IP of a Service of the own namespace"
    OWN_PODS = "a path of a GET that the operator sends to the own pods"


FIELDS: dict[Confinement, str] = {
    Confinement.AMOUNT: f"""
        replicas autoscaling.<minReplicas|maxReplicas>
        autoscaling.<targetCPUUtilizationPercentage|targetMemoryUtilizationPercentage>
        autoscaling.behavior.<scaleDown|scaleUp>.stabilizationWindowSeconds
        autoscaling.behavior.<scaleDown|scaleUp>.policies[].<value|periodSeconds>
        ports.<http|admin> service.port
        database.<poolSize|poolTimeoutSeconds> auth.<accessTokenSeconds|refreshTokenSeconds>
        resources.<requests|limits>.{_AMOUNT} pod.volumes[].emptyDir.sizeLimit
        probes.<liveness|readiness|startup>.{_CHECK}
        pod.tolerations[].tolerationSeconds pod.topologySpreadConstraints[].<maxSkew|minDomains>
        {_NODES}.{_PREFERRED}[].weight
        pod.affinity.<podAffinity|podAntiAffinity>.{_PREFERRED}[].weight
        pod.terminationGracePeriodSeconds podDisruptionBudget.<minAvailable|maxUnavailable>
        tenantLimits.<contentTypes|entries|users|roles|apiKeys|hosts|bytes>
        migration.<timeoutSeconds|lockTimeoutSeconds>
        rollout.<maxSurge|maxUnavailable|bakeSeconds|progressDeadlineSeconds|minReadySeconds>
        rollout.<revisionHistoryLimit|rollbackWindow.revisions>
        rollout.canary.steps[].<setWeight|pause.duration|analysis.<count|minSamples>>
        rollout.canary.steps[].setCanaryScale.<replicas|weight>
        rollout.blueGreen.<autoPromotionSeconds|scaleDownDelaySeconds>
        rollout.blueGreen.<prePromotionAnalysis|postPromotionAnalysis>.<count|minSamples>
        {_ANALYSIS}.<startingStep|intervalSeconds|warmUpSeconds|minSamples|noDataSeconds>
        {_ANALYSIS}.<consecutiveErrorLimit|synthetic.perPod>
        {_ANALYSIS}.<errors.<maxPercent|maxRatio>|latency.<maxRatioP50|maxRatioP99>>
        {_ANALYSIS}.<database|cache|readiness|restarts>.failureLimit
        {_MEASURE}.<max|min|failureLimit|consecutiveErrorLimit>
    """,
    Confinement.SWITCH: f"""
        imagePullPolicy service.type redis.mode logLevel suspend
        autoscaling.behavior.<scaleDown|scaleUp>.<selectPolicy|policies[].type>
        pod.env[].valueFrom.<secretKeyRef|configMapKeyRef>.optional
        pod.volumes[].<secret.optional|configMap.optional|emptyDir.medium>
        pod.volumes[].persistentVolumeClaim.readOnly pod.volumeMounts[].readOnly
        podDisruptionBudget.enabled networkPolicy.enabled migration.enabled
        rollout.<strategy|paused|canary.steps[].setCanaryScale.matchTrafficWeight>
        rollout.blueGreen.autoPromotionEnabled {_ANALYSIS}.<enabled|onNoData|onError>
        {_ANALYSIS}.<errors|latency|database|cache|readiness|restarts>.dryRun {_MEASURE}.dryRun
    """,
    Confinement.OWN_OBJECT: """
        imagePullSecrets[].name secretName route.tls.secretName
        database.<secretRef|migrationSecretRef|readReplicaSecretRef>.<name|key>
        redis.secretRef.<name|key> auth.jwtSecretRef.<name|key>
        <database|redis>.ca.<secretKeyRef|configMapKeyRef>.<name|key>
        pod.env[].valueFrom.<secretKeyRef|configMapKeyRef>.<name|key>
        pod.volumes[].<secret.secretName|configMap.name|persistentVolumeClaim.claimName>
        pod.volumes[].<secret|configMap>.items[].key
    """,
    Confinement.OWN_TEXT: """
        redis.sentinelMaster pod.env[].<name|value> trustedProxies[]
        pod.volumes[].<name|<secret|configMap>.items[].path>
        pod.volumeMounts[].<name|mountPath|subPath>
        tenants[].<name|displayName|ownerEmail> rollout.analysis.measures[].name
    """,
    Confinement.IDENTITY: "pod.serviceAccountName",
    Confinement.PLACE: f"""
        pod.nodeSelector{{}} pod.tolerations[].<key|operator|value|effect> pod.priorityClassName
        {_NODES}.<{_REQUIRED}.nodeSelectorTerms[]|{_PREFERRED}[].preference>.{_TERM}
        pod.topologySpreadConstraints[].<topologyKey|whenUnsatisfiable>
        pod.topologySpreadConstraints[].<nodeAffinityPolicy|nodeTaintsPolicy>
        pod.topologySpreadConstraints[].labelSelector.{_SELECTOR}
    """,
    Confinement.NEIGHBOURS: f"""
        {_NEIGHBOURS}.<topologyKey|namespaces[]|<labelSelector|namespaceSelector>.{_SELECTOR}>
    """,
    Confinement.OPENS: f"""
        networkPolicy.<allowHttpFrom|allowMetricsFrom>[].<namespaceSelector|podSelector>.{_SELECTOR}
        networkPolicy.<allowHttpFrom|allowMetricsFrom>[].ipBlock.<cidr|except[]>
    """,
    Confinement.METADATA: """
        pod.<labels|annotations>{} service.annotations{} route.ingress.<className|annotations{}>
    """,
    Confinement.IMAGE: "image",
    Confinement.HOST: "route.host",
    Confinement.GATEWAY: "route.gateway.<name|namespace|sectionName>",
    Confinement.QUERY: f"{_MEASURE}.prometheus.query",
    Confinement.OWN_SERVICE: f"{_MEASURE}.webhook.<service|port|path>",
    Confinement.OWN_PODS: f"{_ANALYSIS}.synthetic.path",
}

# The only fields that may name another namespace, each for a reason above.
OTHER_NAMESPACES = (Confinement.NEIGHBOURS, Confinement.OPENS, Confinement.GATEWAY)

_INNERMOST = re.compile(r"<([^<>]*)>")


def expanded(pattern: str) -> Iterator[str]:
    """a.<b|c> is a.b and a.c."""
    choice = _INNERMOST.search(pattern)
    if choice is None:
        yield pattern
        return
    for part in choice[1].split("|"):
        yield from expanded(pattern[: choice.start()] + part + pattern[choice.end() :])


def named() -> list[tuple[str, Confinement]]:
    """Every path of the table; one that stands there twice is here twice."""
    return [
        (path, confinement)
        for confinement, patterns in FIELDS.items()
        for pattern in patterns.split()
        for path in dict.fromkeys(expanded(pattern))
    ]
