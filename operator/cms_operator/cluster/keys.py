"""What names an object, and which HeadlessCMS it belongs to."""

from typing import NamedTuple

from cms_operator.api.objects import Object
from cms_operator.cluster.belonging import owner_of
from cms_operator.cluster.kinds import HEADLESS_CMS, Kind
from cms_operator.resources import labels


class Key(NamedTuple):
    """Names a HeadlessCMS."""

    namespace: str
    name: str


class Ref(NamedTuple):
    kind: str
    namespace: str
    name: str


def ref_of(kind: Kind, found: Object) -> Ref:
    metadata = found["metadata"]
    return Ref(kind.name, metadata["namespace"], metadata["name"])


def key_of(kind: Kind, found: Object) -> Key | None:
    """The HeadlessCMS that an object is, or belongs to."""
    if kind is HEADLESS_CMS:
        return Key(found["metadata"]["namespace"], found["metadata"]["name"])
    return parent_of(kind, found)


def parent_of(kind: Kind, found: Object) -> Key | None:
    """The HeadlessCMS that an object belongs to.

    The owner counts first: somebody may have taken away the labels.
    """
    if kind is HEADLESS_CMS:
        return None
    metadata = found["metadata"]
    owner = owner_of(metadata)
    name = owner.name if owner else (metadata.get("labels") or {}).get(labels.INSTANCE)
    return Key(metadata["namespace"], name) if name else None
