"""Environment variables of the user, beside those that the operator sets."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from cms_operator.api.model import Model
from cms_operator.api.rules import ListMap, Rule, matches, only_one_of
from cms_operator.api.types import DataKey, ObjectName

# Whole families, so that a variable added to the CMS later collides with nobody's.
RESERVED_PREFIXES = ("HCMS_", "DATABASE_", "REDIS_", "JWT_", "TENANT", "SERVICE_ROLE_")
RESERVED_NAMES = (
    "HOST",
    "PORT",
    "ADMIN_PORT",
    "ACCESS_TOKEN_SECONDS",
    "REFRESH_TOKEN_SECONDS",
    "LOG_LEVEL",
    "TRUSTED_PROXIES",
    "DEFAULT_LIMITS",
    "DRAIN_SECONDS",
    "MIGRATION_TIMEOUT_SECONDS",
    "MIGRATION_LOCK_TIMEOUT_SECONDS",
    "TERMINATION_LOG",
    "METRICS_TOKEN_FILE",  # the operator reads the metrics too, and has no token for them
)


def is_reserved(name: str) -> bool:
    return name.startswith(RESERVED_PREFIXES) or name in RESERVED_NAMES


_NOT_RESERVED = Rule(
    cel=f"!self.matches(r'^(({'|'.join(RESERVED_PREFIXES)}).*|{'|'.join(RESERVED_NAMES)})$')",
    message="is set by the operator: use the field of spec that stands for it",
    holds=lambda name: not is_reserved(name),
    reason="FieldValueForbidden",
)


class EnvSecretKey(Model):
    name: ObjectName
    """Name of the Secret."""

    key: DataKey
    """Key in the Secret."""

    optional: bool = False
    """true lets the pod start without it (default false)."""


class EnvConfigMapKey(Model):
    name: ObjectName
    """Name of the ConfigMap."""

    key: DataKey
    """Key in the ConfigMap."""

    optional: bool = False
    """true lets the pod start without it (default false)."""


class EnvSource(Model):
    secret_key_ref: EnvSecretKey | None = None
    """Key of a Secret."""

    config_map_key_ref: EnvConfigMapKey | None = None
    """Key of a ConfigMap."""

    rules: ClassVar[tuple[Rule, ...]] = (only_one_of("secretKeyRef", "configMapKeyRef"),)


def _has_one_value(variable: Any) -> bool:
    return variable.value is None or variable.value_from is None


class EnvVar(Model):
    name: Annotated[
        str,
        Field(min_length=1, max_length=253),
        matches(
            "^[A-Za-z_][A-Za-z0-9_]*$",
            "must be letters, digits and underscores, not beginning with a digit",
        ),
        _NOT_RESERVED,
    ]
    """Name of the variable. The operator's own names are refused."""

    value: Annotated[str, Field(max_length=8192)] | None = None
    """Its value; excludes valueFrom."""

    value_from: EnvSource | None = None
    """Where the value comes from; excludes value."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.value) || !has(self.valueFrom)",
            message="only one of value and valueFrom may be set",
            holds=_has_one_value,
        ),
    )


Env = Annotated[tuple[EnvVar, ...], Field(max_length=100), ListMap("name")]
