"""The Jobs that bring schema, roles and tenants up to date, and that take away what is over."""

import hashlib
import json
from dataclasses import dataclass

from cms_operator.api import HeadlessCMS
from cms_operator.api.annotations import MIGRATE, TAKE_OVER_DATABASE, asked
from cms_operator.resources import labels, metadata, names
from cms_operator.resources.manifests import Manifest, part
from cms_operator.resources.pods import mounts, pod_settings, security
from cms_operator.resources.pods.mounts import Directory
from cms_operator.resources.sources import authorities
from cms_operator.resources.sources.sources import DATABASE_KEY, MIGRATION_KEY, Sources

CONTAINER = "migrate"
_LONGEST_OWNER = 317  # a namespace, a slash and a name
_REFUSED = 3  # as the image's exit code: another attempt would be refused as well
_COMMAND = ("python", "-m", "cms_service", "migrate")
_KEY_LENGTH = 8
_RETRIES = 2
_STARTUP_SECONDS = 120  # for the scheduler and for pulling the image


def request(resource: HeadlessCMS, handled: str | None) -> str:
    """The value that asks for one more migration; without an annotation the one that was acted on,
    since its removal asks for nothing.
    """
    return asked(resource.metadata.annotations, MIGRATE) or handled or ""


def key(
    resource: HeadlessCMS, sources: Sources, service_role_uid: str, handled: str | None = None
) -> str:
    """Names a migration: another image, database, role, tenant or limit makes another one.

    The uid is that of the Secret with the generated role: a new password needs a new Job.
    A new value of the annotation asks for it once more, as after a restore of the database;
    `handled` is the one that was acted on last.
    """
    inputs: dict[str, object] = {
        "image": resource.spec.image,
        "database": sources.owner.place,
        "role": service_role_uid or sources.database.user,
        "tenants": _tenants(resource),
    }
    if limits := _limits(resource):
        inputs["limits"] = limits
    if wanted := request(resource, handled):
        inputs["request"] = wanted
    text = json.dumps(inputs, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def database(resource: HeadlessCMS, sources: Sources, handled: str | None = None) -> str:
    """Names what a Job's report says of the schema: it holds for this database, until a restore."""
    parts = [sources.owner.place, request(resource, handled)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:_KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class _Run:
    """What tells one of the two Jobs from the other."""

    name: str
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()


def build(resource: HeadlessCMS, sources: Sources, key: str, in_use: int | None = None) -> Manifest:
    """`in_use`: the oldest schema that an image with pods was made for."""
    variables = () if in_use is None else (("DATABASE_SCHEMA_IN_USE", str(in_use)),)
    run = _Run(names.migration_job(resource.name, key), _COMMAND, variables)
    return _job(resource, sources, run)


def build_contract(resource: HeadlessCMS, sources: Sources, key: str) -> Manifest:
    run = _Run(names.contract_job(resource.name, key), (*_COMMAND, "--contract"))
    return _job(resource, sources, run)


def _job(resource: HeadlessCMS, sources: Sources, run: _Run) -> Manifest:
    component = labels.Component.MIGRATION
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata.child(resource, run.name, component=component),
        "spec": {
            "backoffLimit": _RETRIES,
            "podFailurePolicy": {
                "rules": [
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": CONTAINER,
                            "operator": "In",
                            "values": [_REFUSED],
                        },
                    }
                ]
            },
            "activeDeadlineSeconds": resource.spec.migration.timeout_seconds + _STARTUP_SECONDS,
            "template": {
                "metadata": {"labels": labels.of(resource, component)},
                "spec": _pod(resource, sources, run),
            },
        },
    }


def _pod(resource: HeadlessCMS, sources: Sources, run: _Run) -> Manifest:
    directories = _directories(resource, sources)
    volumes = [directory.volume for directory in directories]
    affinity = resource.spec.pod.affinity
    nodes = affinity.node_affinity if affinity else None
    return {
        **pod_settings.common(resource),
        **({"affinity": {"nodeAffinity": part(nodes)}} if nodes else {}),
        # Each attempt leaves a pod, and so its logs.
        "restartPolicy": "Never",
        "containers": [_container(resource, sources, directories, run)],
        "volumes": [*volumes, *mounts.extra_volumes(resource.spec)],
    }


def _container(
    resource: HeadlessCMS, sources: Sources, directories: list[Directory], run: _Run
) -> Manifest:
    spec = resource.spec
    extra = pod_settings.environment(spec).get("env", [])
    variables = [*_environment(resource, sources), *run.variables]
    own = [{"name": name, "value": _literal(value)} for name, value in variables]
    own_mounts = [directory.mount for directory in directories]
    return {
        "name": CONTAINER,
        "image": spec.image,
        "imagePullPolicy": spec.image_pull_policy,
        "command": list(run.command),
        "env": [*own, *extra],
        "resources": pod_settings.compute(spec),
        "securityContext": security.container_context(),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [*own_mounts, *mounts.extra_mounts(spec)],
    }


def _literal(text: str) -> str:
    """Escape a value: the kubelet would put other variables in place of $(NAME)."""
    return text.replace("$", "$$")


def _environment(resource: HeadlessCMS, sources: Sources) -> list[tuple[str, str]]:
    owner_key = MIGRATION_KEY if sources.migration else DATABASE_KEY
    if sources.makes_service_role:
        role = ("SERVICE_ROLE_DIR", mounts.DATABASE_DIR)
    else:
        role = ("SERVICE_ROLE_URL_FILE", f"{mounts.SOURCE_DIR}/{DATABASE_KEY}")
    environment = [
        ("HCMS_NAME", resource.name),
        ("HCMS_NAMESPACE", resource.namespace),
        ("LOG_LEVEL", resource.spec.log_level),
        ("DATABASE_URL", sources.owner.url()),
        ("DATABASE_CREDENTIALS_URL_FILE", f"{mounts.SOURCE_DIR}/{owner_key}"),
        role,
        ("MIGRATION_TIMEOUT_SECONDS", str(resource.spec.migration.timeout_seconds)),
        ("MIGRATION_LOCK_TIMEOUT_SECONDS", str(resource.spec.migration.lock_timeout_seconds)),
        ("DATABASE_OWNER", f"{resource.namespace}/{resource.name}"),
    ]
    former = resource.metadata.annotations.get(TAKE_OVER_DATABASE, "")
    if 0 < len(former) <= _LONGEST_OWNER:
        environment.append(("DATABASE_TAKE_OVER_FROM", former))
    if limits := _limits(resource):
        environment.append(("DEFAULT_LIMITS", json.dumps(limits, sort_keys=True)))
    if resource.spec.tenants:
        environment.append(("TENANTS", json.dumps(_to_make(resource), sort_keys=True)))
        environment.append(("TENANT_PASSWORDS_DIR", mounts.ADMIN_DIR))
    return environment


def _limits(resource: HeadlessCMS) -> Manifest:
    limits = resource.spec.tenant_limits
    return limits.to_json() if limits else {}


def _tenants(resource: HeadlessCMS) -> list[Manifest]:
    return [tenant.to_json() for tenant in resource.spec.tenants]


def _to_make(resource: HeadlessCMS) -> list[Manifest]:
    """The tenants without their owners, of whom the Secret alone tells, to people as well."""
    return [
        {name: value for name, value in tenant.items() if name != "ownerEmail"}
        for tenant in _tenants(resource)
    ]


def _directories(resource: HeadlessCMS, sources: Sources) -> list[Directory]:
    files = {DATABASE_KEY: sources.database.secret}
    if sources.migration:
        files[MIGRATION_KEY] = sources.migration.secret
    directories = [mounts.temporary(), mounts.sources(files)]
    if sources.makes_service_role:
        secret = names.database_secret(resource.name)
        directories.append(mounts.secret("database", secret, mounts.DATABASE_DIR))
    if resource.spec.tenants:
        secret = names.admin_secret(resource.name)
        directories.append(mounts.secret("admin", secret, mounts.ADMIN_DIR))
    if sources.database_ca:
        directories.append(mounts.trust({authorities.DATABASE_FILE: sources.database_ca}))
    return directories
