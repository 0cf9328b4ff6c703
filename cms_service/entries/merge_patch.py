"""JSON merge patch (RFC 7396). Pure."""

from collections.abc import Mapping
from typing import Any


def merged(target: object, patch: Mapping[str, Any]) -> dict[str, Any]:
    """A null takes a member away; whatever is no object replaces what was there."""
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, Mapping):
            result[name] = merged(result.get(name), value)
        else:
            result[name] = value
    return result
