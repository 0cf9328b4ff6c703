"""Which HeadlessCMS an object says it is a child of, and whether it can be one.

Whoever may write an object of a namespace may write any owner into it, our labels and any name.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cms_operator.api.objects import Object
from cms_operator.cluster.kinds import HEADLESS_CMS

# The API server bounds neither in an owner reference; no HeadlessCMS has a longer name or uid.
_LONGEST = 63
_MOST = 3
_READ = ("kind", "name", "uid", "controller")


class Owner(NamedTuple):
    name: str
    uid: str


def owner_of(metadata: Object) -> Owner | None:
    """The HeadlessCMS that is said to control it."""
    for reference in owner_references(metadata):
        if reference.get("controller"):
            return Owner(reference["name"], reference["uid"])
    return None


def owner_references(metadata: Object) -> Sequence[Object]:
    """The first of those that a HeadlessCMS can be meant by, what controls it before all."""
    found = [
        {name: reference[name] for name in _READ if name in reference}
        for reference in metadata.get("ownerReferences") or ()
        if reference["kind"] == HEADLESS_CMS.name
        and max(len(reference["name"]), len(reference["uid"])) <= _LONGEST
    ]
    return sorted(found, key=lambda reference: not reference.get("controller"))[:_MOST]
