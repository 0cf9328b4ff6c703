"""The objects around one HeadlessCMS, sorted by what they are to it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cms_operator.api.objects import Object
from cms_operator.resources import labels

# In a copy that says no more of an object than that it is there.
NO_CONTENT = "noContent"


@dataclass(frozen=True, slots=True)
class Family:
    """`own` holds the controlled children by kind and name; pods and slices belong to those.

    `strays`, each with its kind, say that they are controlled, and are nothing that is ever made.
    """

    own: Mapping[str, Mapping[str, Object]] = field(default_factory=dict)
    pods: tuple[Object, ...] = ()
    job_pods: tuple[Object, ...] = ()
    slices: tuple[Object, ...] = ()
    strays: tuple[tuple[str, Object], ...] = ()

    def of_kind(self, kind: str) -> Mapping[str, Object]:
        return self.own.get(kind, {})

    def by_revision(self, kind: str) -> dict[str, Object]:
        found = {}
        for child in self.of_kind(kind).values():
            if revision := revision_of(child):
                found[revision] = child
        return found


def gather(children: Iterable[tuple[str, Object]], uid: str, api: str, job: str) -> Family:
    """`api` and `job` are the component labels of serving and of migration pods."""
    own: dict[str, dict[str, Object]] = {}
    pods: list[Object] = []
    job_pods: list[Object] = []
    slices: list[Object] = []
    strays: list[tuple[str, Object]] = []
    for kind, found in children:
        if kind == "Pod":
            component = found["metadata"]["labels"].get(labels.COMPONENT)
            (pods if component == api else job_pods if component == job else []).append(found)
        elif kind == "EndpointSlice":
            slices.append(found)
        elif not is_controlled_by(found, uid):
            continue
        elif NO_CONTENT in found:
            strays.append((kind, found))
        else:
            own.setdefault(kind, {})[found["metadata"]["name"]] = found
    return Family(own, tuple(pods), tuple(job_pods), tuple(slices), tuple(strays))


def is_controlled_by(found: Object, uid: str) -> bool:
    owners = found["metadata"].get("ownerReferences") or []
    return any(owner.get("controller") and owner["uid"] == uid for owner in owners)


def revision_of(found: Object) -> str | None:
    return (found["metadata"].get("labels") or {}).get(labels.REVISION)
