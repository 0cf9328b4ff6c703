"""`kubectl hcms history` and `diff`: the recorded revisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from cms_operator.api.objects import Object
from cms_operator.cli.text import age, labels_of, table
from cms_operator.cli.tree import roles_of
from cms_operator.resources.children import controller_revision
from cms_operator.resources.labels import REVISION
from cms_operator.resources.revision import Revision
from cms_operator.rollout.history import newest_first

# It names the revision itself.
_OWN_NAME = "HCMS_REVISION"


class UnknownRevisionError(Exception):
    pass


def history(hcms: Object, records: Sequence[Object], now: datetime) -> list[str]:
    status = hcms.get("status") or {}
    stable_at = {found["name"]: found.get("stableAt") for found in status.get("revisions") or []}
    rows = [["NUMBER", "REVISION", "AGE", "STABLE", "WHAT", "IMAGE"]]
    for record in newest_first({str(found["metadata"]["name"]): found for found in records}):
        name = labels_of(record).get(REVISION, "")
        since = stable_at.get(name)
        rows.append(
            [
                str(record["revision"]),
                name,
                age(record["metadata"].get("creationTimestamp"), now),
                f"{age(since, now)} ago" if since else "never",
                ", ".join(roles_of(name, status)),
                str(((record.get("data") or {}).get("inputs") or {}).get("image", "")),
            ]
        )
    return table(rows)


def find(records: Sequence[Object], name: str) -> Revision:
    """The record of a revision, by its name or the beginning of it. Raises UnknownRevisionError."""
    found = [record for record in records if labels_of(record).get(REVISION, "").startswith(name)]
    if len(found) != 1 or not name:
        what = "is not on record" if not found else "is the beginning of several"
        raise UnknownRevisionError(f"revision {name} {what}; `history` lists them")
    try:
        return controller_revision.read(found[0])
    except ValueError as error:
        raise UnknownRevisionError(f"revision {name}: {error}") from None


def diff(before: Revision, after: Revision) -> list[str]:
    """What was asked for, and the environment that was made of it; no Secret is in either."""
    old, new = _facts(before), _facts(after)
    lines = [f"--- {before.hash}", f"+++ {after.hash}"]
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            lines += [f"-{key}: {old[key]}"] if key in old else []
            lines += [f"+{key}: {new[key]}"] if key in new else []
    return lines


def _facts(revision: Revision) -> dict[str, str]:
    config = {key: value for key, value in revision.config.items() if key != _OWN_NAME}
    return {**_flat("", revision.inputs), **_flat("environment", config)}


def _flat(path: str, value: Any) -> dict[str, str]:
    if isinstance(value, Mapping) and value:
        items = [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
    elif isinstance(value, list) and value:
        items = [(f"{path}[{index}]", item) for index, item in enumerate(value)]
    else:
        return {path: str(value)}
    return {key: text for name, item in items for key, text in _flat(name, item).items()}
