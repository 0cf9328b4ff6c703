"""The pod of a revision."""

from cms_operator.api import HeadlessCMS
from cms_operator.api.model import Model
from cms_operator.resources import labels, names
from cms_operator.resources.manifests import Manifest, part, parts, without_empty
from cms_operator.resources.pods import mounts, pod_settings, security
from cms_operator.resources.pods.mounts import Directory
from cms_operator.resources.sources import authorities
from cms_operator.resources.sources.authorities import Authority
from cms_operator.resources.sources.source_values import SecretKey
from cms_operator.resources.sources.sources import DATABASE_KEY, REDIS_KEY, REPLICA_KEY, Sources

CONTAINER = "api"
RESTART = "headlesscms.io/restart"


def build(
    resource: HeadlessCMS, sources: Sources, revision: str, restart: str | None = None
) -> Manifest:
    pod = resource.spec.pod
    directories = _directories(resource, sources)
    volumes = [directory.volume for directory in directories]
    metadata = {
        "labels": {**pod.labels, **labels.of(resource, revision=revision)},
        "annotations": {**pod.annotations, **({RESTART: restart} if restart else {})},
    }
    return {
        "metadata": without_empty(metadata),
        "spec": {
            **pod_settings.common(resource),
            **_placement(resource, revision),
            "terminationGracePeriodSeconds": pod.termination_grace_period_seconds,
            "containers": [_container(resource, directories, revision)],
            "volumes": [*volumes, *mounts.extra_volumes(resource.spec)],
        },
    }


def _directories(resource: HeadlessCMS, sources: Sources) -> list[Directory]:
    directories = [
        mounts.temporary(),
        mounts.secret("jwt", names.jwt_secret(resource.name), mounts.JWT_DIR),
    ]
    if sources.makes_service_role:
        secret = names.database_secret(resource.name)
        directories.append(mounts.secret("database", secret, mounts.DATABASE_DIR))
    if files := _source_files(sources):
        directories.append(mounts.sources(files))
    if trusted := _authorities(sources):
        directories.append(mounts.trust(trusted))
    return directories


def _authorities(sources: Sources) -> dict[str, Authority]:
    found = {
        authorities.DATABASE_FILE: sources.database_ca,
        authorities.REDIS_FILE: sources.redis_ca,
    }
    return {path: authority for path, authority in found.items() if authority}


def _source_files(sources: Sources) -> dict[str, SecretKey]:
    files = {}
    if not sources.makes_service_role:
        files[DATABASE_KEY] = sources.database.secret
        if sources.replica:
            files[REPLICA_KEY] = sources.replica.secret
    if sources.redis.has_credentials:
        files[REDIS_KEY] = sources.redis.secret
    return files


def _container(resource: HeadlessCMS, directories: list[Directory], revision: str) -> Manifest:
    spec = resource.spec
    own_mounts = [directory.mount for directory in directories]
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": spec.image_pull_policy,
        "ports": [
            {"name": "http", "containerPort": spec.ports.http, "protocol": "TCP"},
            {"name": "admin", "containerPort": spec.ports.admin, "protocol": "TCP"},
        ],
        "envFrom": [{"configMapRef": {"name": names.config_map(resource.name, revision)}}],
        **pod_settings.environment(spec),
        "resources": pod_settings.compute(spec),
        "livenessProbe": _probe("/livez", spec.probes.liveness),
        "readinessProbe": _probe("/readyz", spec.probes.readiness),
        "startupProbe": _probe("/livez", spec.probes.startup),
        "securityContext": security.container_context(),
        # So that a condition can say why a container ends again and again.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*own_mounts, *mounts.extra_mounts(spec)],
    }


def _probe(path: str, times: Model) -> Manifest:
    return {"httpGet": {"path": path, "port": "admin", "scheme": "HTTP"}, **part(times)}


def _placement(resource: HeadlessCMS, revision: str) -> Manifest:
    pod = resource.spec.pod
    selector = {"matchLabels": labels.serving(resource, revision)}
    if pod.topology_spread_constraints is None:
        spread = [_soft_spread()]
    else:
        spread = parts(pod.topology_spread_constraints)
    return without_empty(
        {
            "affinity": part(pod.affinity) if pod.affinity else None,
            "topologySpreadConstraints": [{"labelSelector": selector, **rule} for rule in spread],
        }
    )


def _soft_spread() -> Manifest:
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
    }
