"""Settings of the pods."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from cms_operator.api.fields.affinity import Affinity
from cms_operator.api.fields.env import Env
from cms_operator.api.fields.scheduling import SPREADS_DIFFER, SpreadConstraint, Toleration
from cms_operator.api.fields.volumes import VolumeMounts, Volumes
from cms_operator.api.model import Model
from cms_operator.api.rules import Rule
from cms_operator.api.types import Annotations, Labels, ObjectName

OWN_LABELS = tuple(
    f"app.kubernetes.io/{name}" for name in ("name", "instance", "managed-by", "component")
)
OWN_PREFIX = "headlesscms.io/"
# Older ways to leave the seccomp and AppArmor profiles that the namespace may demand.
_PROFILE_PREFIXES = (
    "container.apparmor.security.beta.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
)


def _prefixed(prefixes: tuple[str, ...]) -> str:
    return " || ".join(f"key.startsWith('{prefix}')" for prefix in prefixes)


_NO_OWN_LABELS = Rule(
    cel=f"!self.exists(key, {_prefixed((OWN_PREFIX,))} || key in {list(OWN_LABELS)})",
    message="must not hold labels that the operator sets",
    holds=lambda labels: not any(key.startswith(OWN_PREFIX) or key in OWN_LABELS for key in labels),
    reason="FieldValueForbidden",
)
_NO_PROFILES = Rule(
    cel=f"!self.exists(key, {_prefixed((OWN_PREFIX, *_PROFILE_PREFIXES))})",
    message="must not hold the operator's annotations, nor ones that change security profiles",
    holds=lambda annotations: (
        not any(key.startswith((OWN_PREFIX, *_PROFILE_PREFIXES)) for key in annotations)
    ),
    reason="FieldValueForbidden",
)


def _mounts_name_volumes(pod: Any) -> bool:
    names = {volume.name for volume in pod.volumes}
    return all(mount.name in names for mount in pod.volume_mounts)


class Pod(Model):
    labels: Annotated[Labels, _NO_OWN_LABELS] = Field(default_factory=dict)
    """Labels for the pods, beside the operator's."""

    annotations: Annotated[Annotations, _NO_PROFILES] = Field(default_factory=dict)
    """Annotations for the pods."""

    node_selector: Labels = Field(default_factory=dict)
    """Labels that a node must have."""

    affinity: Affinity | None = None
    """Nodes and neighbours that are needed, preferred or avoided."""

    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=50)] = ()
    """Taints of nodes that the pods put up with."""

    topology_spread_constraints: (
        Annotated[tuple[SpreadConstraint, ...], Field(max_length=10), SPREADS_DIFFER] | None
    ) = None
    """How the pods of a revision spread over nodes and zones. When absent: evenly over nodes, as
    a preference; [] is no spread."""

    priority_class_name: ObjectName | None = None
    """PriorityClass of the pods (default: the cluster's)."""

    service_account_name: ObjectName | None = None
    """ServiceAccount of the pods, which is yours. When absent the operator makes one without
    rights, named as the HeadlessCMS. No token is mounted in either case."""

    env: Env = ()
    """Extra environment variables."""

    volumes: Volumes = ()
    """Extra volumes."""

    volume_mounts: VolumeMounts = ()
    """Where the extra volumes appear in the container."""

    termination_grace_period_seconds: Annotated[int, Field(ge=15, le=3600)] = 45
    """Seconds from the order to stop until a pod is killed (default 45). The CMS drains for 10,
    then gives the requests under way up to 23 more."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel=(
                "!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && "
                "self.volumes.exists(volume, volume.name == mount.name))"
            ),
            message="every volumeMount must name one of pod.volumes",
            holds=_mounts_name_volumes,
            field="volumeMounts",
        ),
    )
