"""The difference of two JSON objects, as one writes it to the API server."""

from collections.abc import Mapping
from typing import Any

from cms_operator.api.objects import Object


def merge_patch(before: Object, after: Object) -> dict[str, Any]:
    """The JSON merge patch that turns `before` into `after` (RFC 7396)."""
    patch: dict[str, Any] = {key: None for key in before if key not in after}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            if inner := merge_patch(old, value):
                patch[key] = inner
        elif value != old:
            patch[key] = value
    return patch
