"""Settings of the operator, from the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("json", "plain")
_MAX_WORKERS = 64


class SettingsError(Exception):
    """A variable has a value that cannot be used; the message names both."""


@dataclass(frozen=True)
class Settings:
    """`namespaces` is empty where the whole cluster is watched; times are in seconds."""

    namespaces: tuple[str, ...] = ()
    operator_namespace: str = "headlesscms-system"
    log_level: str = "info"
    log_format: str = "json"
    health_port: int = 8080
    workers: int = 8
    resync_seconds: int = 600

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Raises SettingsError."""
        reader = _Reader(environment)
        names = environment.get("HCMS_WATCH_NAMESPACES", "")
        return cls(
            namespaces=tuple(name.strip() for name in names.split(",") if name.strip()),
            operator_namespace=environment.get("HCMS_OPERATOR_NAMESPACE", cls.operator_namespace),
            log_level=reader.choice("HCMS_LOG_LEVEL", _LEVELS, cls.log_level),
            log_format=reader.choice("HCMS_LOG_FORMAT", _FORMATS, cls.log_format),
            health_port=reader.number("HCMS_HEALTH_PORT", 0, 65535, cls.health_port),
            workers=reader.number("HCMS_WORKERS", 1, _MAX_WORKERS, cls.workers),
            resync_seconds=reader.number("HCMS_RESYNC_SECONDS", 10, 86400, cls.resync_seconds),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str]

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.environment.get(name, default)
        if value not in allowed:
            raise SettingsError(f"{name} is {value!r}; it must be one of {', '.join(allowed)}")
        return value

    def number(self, name: str, low: int, high: int, default: int) -> int:
        value = self.environment.get(name, str(default))
        if not value.isdecimal() or not low <= int(value) <= high:
            raise SettingsError(f"{name} is {value!r}; it must be a number from {low} to {high}")
        return int(value)
