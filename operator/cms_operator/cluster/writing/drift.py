"""Does a live object still say what we asked for?"""

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from cms_operator.api import quantities
from cms_operator.api.objects import Object

APPLIED = "headlesscms.io/applied"
# Lists whose items the server merges by these keys; it takes any other list as a whole.
_ITEM_KEYS = {
    "containers": ("name",),
    "env": ("name",),
    "imagePullSecrets": ("name",),
    "ownerReferences": ("uid",),
    "ports": ("containerPort", "port", "protocol"),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
# Maps that the server takes as a whole: one more label in a selector changes what it selects.
_WHOLE_MAPS = (
    "labelSelector",
    "matchLabels",
    "namespaceSelector",
    "nodeSelector",
    "podSelector",
    "selector",
)
_QUANTITY_PARENTS = ("requests", "limits", "sizeLimit", "averageValue")


def fingerprint(manifest: Object) -> str:
    """A short name for what was asked; it changes too when something is no longer asked for.

    Replicas are always asked for and have no part in it: the Deployment controller copies the
    annotation to the ReplicaSet, by a write of its own for each scale.
    """
    if "replicas" in manifest.get("spec", {}):
        spec = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
        manifest = {**manifest, "spec": spec}
    return hashlib.sha256(orjson.dumps(manifest, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def first_difference(wanted: Any, live: Any, path: str = "") -> str | None:
    """Return the path of the first field that differs, or None.

    Only what `wanted` names is compared: the server's defaults and the fields
    of other managers are theirs. Items of a list of objects are matched by
    their keys where the server merges them so. What the server takes as a whole
    has to be the same as a whole.
    """
    if wanted == live:  # as most parts are: no need to walk through them
        return None
    if isinstance(wanted, Mapping):
        return _mapping_difference(wanted, live, path)
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        return _list_difference(wanted, live, path)
    if live is None and wanted in ("", False, 0):
        return None
    if _same_quantity(wanted, live, path):
        return None
    return path


def _mapping_difference(wanted: Object, live: Any, path: str) -> str | None:
    if live is None:
        live = {}
    if not isinstance(live, Mapping):
        return path
    if _field(path) in _WHOLE_MAPS and live.keys() - wanted.keys():
        return path
    for key, value in wanted.items():
        found = first_difference(value, live.get(key), f"{path}.{key}" if path else key)
        if found:
            return found
    return None


def _list_difference(wanted: Sequence[Any], live: Any, path: str) -> str | None:
    live = live or []
    keys = _item_keys(path)
    if keys is None and len(wanted) != len(live):
        return path
    by_key = {_identity(item, keys): item for item in live} if keys else {}
    for position, item in enumerate(wanted):
        here = f"{path}[{item[keys[0]] if keys and keys[0] in item else position}]"
        counterpart = by_key.get(_identity(item, keys)) if keys else live[position]
        if counterpart is None:
            return here
        if found := first_difference(item, counterpart, here):
            return found
    return None


def _item_keys(path: str) -> tuple[str, ...] | None:
    # The ports of a NetworkPolicy's rule are one value.
    return None if path.startswith("spec.ingress") else _ITEM_KEYS.get(_field(path))


def _field(path: str) -> str:
    return path.rpartition(".")[2]


def _identity(item: Object, keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _same_quantity(wanted: Any, live: Any, path: str) -> bool:
    if not any(part in path.split(".") for part in _QUANTITY_PARENTS):
        return False
    return live is not None and _number(wanted) == _number(live)


def _number(value: Any) -> Decimal | None:
    try:
        return quantities.parse(str(value))
    except ValueError:
        return None
