"""HeadlessCMS manifests."""

from collections.abc import Mapping
from typing import Any

MINIMAL = {"image": "registry.example/cms:1.2.3", "secretName": "shop-cms"}
SOURCES = {
    "shop-cms": {
        "database-url": "postgresql://owner:wonderland@db.example:5432/cms",
        "redis-url": "redis://redis.example:6379",
    }
}


def manifest(
    changes: Mapping[str, Any] | None = None, *, name: str = "shop", namespace: str = "default"
) -> dict[str, Any]:
    """The minimal one with changes to its spec; None takes a field away."""
    return {
        "apiVersion": "headlesscms.io/v1alpha1",
        "kind": "HeadlessCMS",
        "metadata": {"name": name, "namespace": namespace},
        "spec": merged(MINIMAL, changes or {}),
    }


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = {**base, **changes}
    return {key: value for key, value in result.items() if value is not None}


UNUSUAL: dict[str, dict[str, Any]] = {
    "files that begin with a dot": {
        "pod": {
            "volumes": [
                {
                    "name": "home",
                    "secret": {
                        "secretName": "home",
                        "items": [{"key": ".pgpass", "path": ".config/.pgpass"}],
                    },
                }
            ],
            "volumeMounts": [
                {"name": "home", "mountPath": "/home/app/.aws", "subPath": ".env", "readOnly": True}
            ],
        }
    },
    "a quantity with a plus": {"resources": {"requests": {"cpu": "+100m"}}},
    "a host of digits for a Gateway": {
        "route": {"host": "10.0.0.1", "gateway": {"name": "public"}}
    },
}
