"""What happened to the pods of a HeadlessCMS, in its order."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Self

from tests.controlplane.api import Object, Watch
from tests.controlplane.team import Team

REVISION = "headlesscms.io/revision"
INSTANCE = "app.kubernetes.io/instance"


@dataclass
class Trace:
    """Follows endpoints and Deployments while it is entered.

    `serving` is the number of the Service's ready endpoints after each change; `made` and
    `removed` name the Deployments in their order.
    """

    team: Team
    service: str = "shop"
    serving: list[int] = field(default_factory=list)
    made: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    serving_at_removal: list[Counter[str]] = field(default_factory=list)
    sizes: list[dict[str, int]] = field(default_factory=list)
    _slices: dict[str, Object] = field(default_factory=dict)
    _revisions: dict[str, str] = field(default_factory=dict)
    _size: dict[str, int] = field(default_factory=dict)
    _watches: list[Watch] = field(default_factory=list)

    def __enter__(self) -> Self:
        for pod in self.team.all("pod"):
            self._pod("ADDED", pod)
        seen = {"pod": self._pod, "endpointslice": self._slice, "deployment": self._deployment}
        self._watches = [self.team.watch(kind, see).__enter__() for kind, see in seen.items()]
        return self

    def __exit__(self, *_: object) -> None:
        for watch in self._watches:
            watch.__exit__(None, None, None)

    def _pod(self, _: str, pod: Object) -> None:
        self._revisions[pod["metadata"]["name"]] = pod["metadata"]["labels"].get(REVISION, "")

    def _slice(self, change: str, found: Object) -> None:
        name = found["metadata"]["name"]
        if found["metadata"]["labels"]["kubernetes.io/service-name"] != self.service:
            return
        if change == "DELETED":
            self._slices.pop(name, None)
        else:
            self._slices[name] = found
        self.serving.append(sum(self._by_revision().values()))

    def _by_revision(self) -> Counter[str]:
        return Counter(
            self._revisions.get(endpoint["targetRef"]["name"], "")
            for found in list(self._slices.values())
            for endpoint in found["endpoints"] or []
            if endpoint["conditions"].get("ready")
        )

    def _deployment(self, change: str, found: Object) -> None:
        name = found["metadata"]["name"]
        if found["metadata"]["labels"].get(INSTANCE) != self.service:
            return
        if change == "DELETED":
            self.removed.append(name)
            self.serving_at_removal.append(self._by_revision())
            self._size.pop(name, None)
        else:
            if change == "ADDED":
                self.made.append(name)
            self._size[name] = found["spec"]["replicas"]
        self.sizes.append(dict(self._size))
