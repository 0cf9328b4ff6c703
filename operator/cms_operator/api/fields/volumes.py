"""Extra volumes: only kinds that cannot reach into the node."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.quantities import Quantity
from cms_operator.api.rules import ListMap, Rule, matches, only_one_of
from cms_operator.api.types import DataKey, DnsLabel, ObjectName

OWN_VOLUME_PREFIX = "hcms-"
OWN_MOUNT_PATHS = ("/etc/headlesscms", "/tmp")  # noqa: S108 - the pod's, not ours


# Neither . nor .. is one.
_STEP = r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*"
_WORDS = "path of letters, digits, dots, dashes and underscores, without . and .., such as"
_RelativePath = Annotated[
    str,
    Field(min_length=1, max_length=253),
    matches(rf"^{_STEP}(/{_STEP})*$", f"must be a relative {_WORDS} certs/ca.pem"),
]


class KeyToPath(Model):
    key: DataKey
    """Key in the object's data."""

    path: _RelativePath
    """File to make of it, relative to the volume."""


_Items = Annotated[tuple[KeyToPath, ...], Field(max_length=50)]


class SecretVolume(Model):
    secret_name: ObjectName
    """Name of the Secret."""

    items: _Items = ()
    """Keys to show (default: all)."""

    optional: bool = False
    """true lets the pod start without it (default false)."""


class ConfigMapVolume(Model):
    name: ObjectName
    """Name of the ConfigMap."""

    items: _Items = ()
    """Keys to show (default: all)."""

    optional: bool = False
    """true lets the pod start without it (default false)."""


class EmptyDirVolume(Model):
    medium: Literal["Memory"] | None = None
    """Memory for a file system in memory (default: the node's disk)."""

    size_limit: Quantity | None = None
    """Most bytes, such as 1Gi (default: the pod's limits)."""


class ClaimVolume(Model):
    claim_name: ObjectName
    """Name of the PersistentVolumeClaim. All pods share it."""

    read_only: bool = False
    """true mounts it read-only (default false)."""


class Volume(Model):
    name: DnsLabel
    """Name that a volumeMount refers to. Names that begin with hcms- are the operator's."""

    secret: SecretVolume | None = None
    """Files from a Secret."""

    config_map: ConfigMapVolume | None = None
    """Files from a ConfigMap."""

    empty_dir: EmptyDirVolume | None = None
    """An empty directory that lives as long as the pod."""

    persistent_volume_claim: ClaimVolume | None = None
    """A claim that many nodes can mount."""

    rules: ClassVar[tuple[Rule, ...]] = (
        only_one_of("secret", "configMap", "emptyDir", "persistentVolumeClaim"),
        Rule(
            cel=f"!self.name.startsWith('{OWN_VOLUME_PREFIX}')",
            message="must not begin with hcms-, which is the operator's",
            holds=lambda volume: not volume.name.startswith(OWN_VOLUME_PREFIX),
            field="name",
            reason="FieldValueForbidden",
        ),
    )


def _is_free(path: str) -> bool:
    return not any(path == own or path.startswith(f"{own}/") for own in OWN_MOUNT_PATHS)


_MountPath = Annotated[
    str,
    Field(max_length=512),
    matches(rf"^(/{_STEP})+$", f"must be an absolute {_WORDS} /var/cache"),
    Rule(
        cel=f"!self.matches(r'^({'|'.join(OWN_MOUNT_PATHS)})(/.*)?$') && self != '/etc'",
        message="must not lie on /etc/headlesscms or /tmp, nor hide /etc",
        holds=lambda path: _is_free(path) and path != "/etc",
        reason="FieldValueForbidden",
    ),
]


class VolumeMount(Model):
    name: DnsLabel
    """Name of one of pod.volumes."""

    mount_path: _MountPath
    """Absolute path in the container, outside /etc/headlesscms and /tmp."""

    sub_path: _RelativePath | None = None
    """Path within the volume (default: its root)."""

    read_only: bool = False
    """true mounts it read-only (default false)."""


Volumes = Annotated[tuple[Volume, ...], Field(max_length=20), ListMap("name")]
VolumeMounts = Annotated[
    tuple[VolumeMount, ...], Field(max_length=40), ListMap("mountPath", "mount_path")
]
