"""Files that the CMS reads, and the volumes that they come from."""

from collections.abc import Mapping
from dataclasses import dataclass

from cms_operator.api.spec import Spec
from cms_operator.resources.manifests import Manifest, parts
from cms_operator.resources.sources import authorities
from cms_operator.resources.sources.authorities import Authority
from cms_operator.resources.sources.source_values import SecretKey

_ROOT = "/etc/headlesscms"
SOURCE_DIR = f"{_ROOT}/source"
DATABASE_DIR = f"{_ROOT}/database"
JWT_DIR = f"{_ROOT}/jwt"
ADMIN_DIR = f"{_ROOT}/admin"

_READABLE_BY_GROUP = 0o440
_TEMPORARY_FILES = "256Mi"


@dataclass(frozen=True, slots=True)
class Directory:
    """A volume, and where the container sees it."""

    volume: Manifest
    mount: Manifest


def secret(name: str, secret_name: str, path: str) -> Directory:
    source = {"secretName": secret_name, "defaultMode": _READABLE_BY_GROUP}
    return _read_only(name, {"secret": source}, path)


def sources(files: Mapping[str, SecretKey]) -> Directory:
    """The wanted keys of the user's Secrets, and no others, as files of the given names."""
    projections = [
        {"secret": {"name": source.name, "items": [{"key": source.key, "path": path}]}}
        for path, source in files.items()
    ]
    volume = {"projected": {"sources": projections, "defaultMode": _READABLE_BY_GROUP}}
    return _read_only("source", volume, SOURCE_DIR)


def trust(files: Mapping[str, Authority]) -> Directory:
    """Certificates of authorities, as files of the given names."""
    projections = [
        {found.kind: {"name": found.name, "items": [{"key": found.key, "path": path}]}}
        for path, found in files.items()
    ]
    volume = {"projected": {"sources": projections, "defaultMode": _READABLE_BY_GROUP}}
    return _read_only("ca", volume, authorities.DIRECTORY)


def temporary() -> Directory:
    return Directory(
        {"name": "hcms-tmp", "emptyDir": {"sizeLimit": _TEMPORARY_FILES}},
        {"name": "hcms-tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's, not ours
    )


def extra_volumes(spec: Spec) -> list[Manifest]:
    return parts(spec.pod.volumes)


def extra_mounts(spec: Spec) -> list[Manifest]:
    return parts(spec.pod.volume_mounts)


def _read_only(name: str, source: Manifest, path: str) -> Directory:
    volume_name = f"hcms-{name}"
    return Directory(
        {"name": volume_name, **source},
        {"name": volume_name, "mountPath": path, "readOnly": True},
    )
